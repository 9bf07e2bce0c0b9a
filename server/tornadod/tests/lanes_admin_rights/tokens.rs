//! API tokens.

use crate::access::{every_method, path};
use crate::world::{NOT_FOR_TOKENS, NOW, PASSWORD, ROLES, World};
use serde_json::json;
use tornado_contracts::auth::operators::OperatorRole;

#[tokio::test]
async fn a_token_has_its_scopes_and_nothing_else() {
    let world = World::new().await;
    world.operator("olga", OperatorRole::Owner).await;
    world.operator("otto", OperatorRole::Operator).await;
    let olga = world.sign_in("olga").await;
    let rights = world.rights(&olga).await;
    let all: Vec<_> = rights.iter().map(String::as_str).filter(|right| !NOT_FOR_TOKENS.contains(right)).collect();
    let all: Vec<_> = all.into_iter().filter(|right| *right != "own.read").collect();
    let broad = world.token(&olga, "broad", &all).await.body["token"].as_str().unwrap().to_owned();
    let otto = world.sign_in("otto").await;
    let narrow = world.token(&otto, "narrow", &["tor.read"]).await.body["token"].as_str().unwrap().to_owned();
    assert!(broad.starts_with("tornado_") && broad.len() > 30);
    for method in every_method() {
        let (verb, path) = (method.verb.as_str(), path(method));
        let reply = world.with_token(&broad, verb, &path).await;
        let what = format!("{}: {} {}", method.name, reply.status, reply.body);
        if NOT_FOR_TOKENS.contains(&method.right) {
            assert_eq!((reply.status.as_u16(), reply.code()), (403, "out_of_scope"), "{what}");
        } else {
            assert!(reply.is_admitted(), "{what}");
        }
        let reply = world.with_token(&narrow, verb, &path).await;
        if ["own.read", "tor.read"].contains(&method.right) {
            assert!(reply.is_admitted(), "{}: {}", method.name, reply.body);
        } else {
            let is_owners = !world.rights(&otto).await.contains(&method.right.to_owned());
            let code = if is_owners { "not_allowed" } else { "out_of_scope" };
            assert_eq!((reply.status.as_u16(), reply.code()), (403, code), "{}", method.name);
        }
    }
    let standing = world.with_token(&narrow, "GET", "/me").await.body;
    assert_eq!(
        (&standing["operator"]["name"], &standing["rights"]),
        (&json!("otto"), &json!(["own.read", "tor.read"]))
    );
    let cookie = format!("__Host-tornado={narrow}");
    assert_eq!(world.send("GET", "/me", &[("cookie", &cookie)], None).await.status, 401, "a cookie is no token");
    let sign_in = olga[0].split('=').nth(1).unwrap();
    assert_eq!(world.with_token(sign_in, "GET", "/me").await.code(), "invalid_api_token", "a sign-in is no token");
}

#[tokio::test]
async fn a_token_ends_by_time_revocation_role_and_removal() {
    let world = World::new().await;
    for (name, role) in ROLES {
        world.operator(name, role).await;
    }
    let olga = world.sign_in("olga").await;
    let otto = world.sign_in("otto").await;
    let vera = world.sign_in("vera").await;
    assert_eq!(world.token(&vera, "x", &["tor.read"]).await.code(), "not_allowed");
    for (name, scopes) in [("", vec!["tor.read"]), ("a b", vec!["tor.read"]), ("x", vec![]), ("x", vec!["no.right"])] {
        assert_eq!(world.token(&otto, name, &scopes).await.code(), "invalid_fields", "{name} {scopes:?}");
    }
    for right in ["keys.rotate", "own.sign_in", "tokens.create"] {
        assert_eq!(world.token(&otto, "x", &[right]).await.code(), "invalid_fields", "{right}");
    }
    let made = world.token(&otto, "backup", &["users.write", "tor.read"]).await;
    assert_eq!(made.status, 200, "{}", made.body);
    assert_eq!(world.token(&otto, "backup", &["tor.read"]).await.code(), "name_taken");
    let (token, id) = (made.body["token"].as_str().unwrap().to_owned(), made.body["id"].as_str().unwrap().to_owned());
    assert!(world.with_token(&token, "GET", "/me").await.status == 200);

    let listed = world.signed_in(&olga, "GET", "/api-tokens", None).await.body;
    assert_eq!((&listed["items"][0]["name"], &listed["items"][0]["used_at"]), (&json!("backup"), &json!(NOW)));
    assert!(!listed.to_string().contains(&token), "the list does not contain the token");
    let code = token.strip_prefix("tornado_").unwrap();
    let audit = world.signed_in(&olga, "GET", "/audit?action=token.", None).await.body;
    assert_eq!(audit["items"][0]["details"]["scopes"], "tor.read users.write");
    assert!(!audit.to_string().contains(code));

    // The role of the operator limits the token from now on; the refusal is recorded with the token's name.
    world.operator("otto", OperatorRole::Viewer).await;
    assert_eq!(world.with_token(&token, "DELETE", "/users/none-such").await.code(), "not_allowed");
    let audit = world.signed_in(&olga, "GET", "/audit?action=access.refused", None).await.body;
    assert_eq!(audit["items"][0]["actor"], "operator:otto/backup");
    world.operator("otto", OperatorRole::Operator).await;
    assert!(world.with_token(&token, "DELETE", "/users/none-such").await.is_admitted());

    let otto = world.sign_in("otto").await;
    let other = world.token(&olga, "other", &["tor.read"]).await.body;
    let of_other = format!("/api-tokens/{}", other["id"].as_str().unwrap());
    assert_eq!(world.signed_in(&otto, "DELETE", &of_other, None).await.code(), "not_found", "not its own");
    assert_eq!(world.signed_in(&otto, "GET", "/api-tokens", None).await.body["items"].as_array().unwrap().len(), 1);
    world.pass(3599);
    assert_eq!(world.with_token(&token, "GET", "/me").await.status, 200);
    world.pass(1);
    let expired = world.with_token(&token, "GET", "/me").await;
    assert_eq!((expired.status.as_u16(), expired.code()), (401, "api_token_expired"));
    assert_eq!(world.signed_in(&olga, "POST", "/me/confirm", Some(json!({ "password": PASSWORD }))).await.status, 200);
    assert_eq!(world.token(&otto, "late", &["tor.read"]).await.code(), "confirmation_required");
    assert_eq!(world.signed_in(&olga, "DELETE", &format!("/api-tokens/{id}"), None).await.status, 200);
    assert_eq!(world.signed_in(&olga, "DELETE", &format!("/api-tokens/{id}"), None).await.code(), "not_found");
    assert_eq!(world.with_token(&token, "GET", "/me").await.code(), "invalid_api_token");

    let otto = world.sign_in("otto").await;
    let last = world.token(&otto, "last", &["tor.read"]).await.body["token"].as_str().unwrap().to_owned();
    assert_eq!(world.signed_in(&olga, "DELETE", "/operators/otto", None).await.status, 200);
    assert_eq!(world.with_token(&last, "GET", "/me").await.code(), "invalid_api_token");
}
