//! Passkeys, with a software authenticator.

use crate::authenticator::Authenticator;
use crate::world::{NOW, ORIGIN, PASSWORD, Reply, World};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tornado_admin_api::BASE;
use tornado_contracts::auth::operators::OperatorRole;
use tower::ServiceExt as _;

/// Adds a passkey for the operator of a sign-in.
async fn passkey(world: &World, sign_in: &[String; 2], name: &str) -> (Authenticator, Value) {
    let body = json!({ "password": PASSWORD });
    let challenge = world.signed_in(sign_in, "POST", "/me/passkeys/begin", Some(body)).await;
    assert_eq!(challenge.status, 200, "{}", challenge.body);
    let (authenticator, credential) = Authenticator::create(&challenge.body["options"], ORIGIN);
    let body = json!({ "id": challenge.body["id"], "name": name, "credential": credential });
    let added = world.signed_in(sign_in, "POST", "/me/passkeys", Some(body.clone())).await;
    assert_eq!(added.status, 200, "{}", added.body);
    let again = world.signed_in(sign_in, "POST", "/me/passkeys", Some(body)).await;
    assert_eq!(again.code(), "passkey_refused", "a challenge is answered once");
    (authenticator, added.body)
}

async fn challenge(world: &World) -> Value {
    let reply = world.send("POST", "/sign-in/passkey/begin", &[("origin", ORIGIN)], None).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

async fn by_passkey(world: &World, challenge: &Value, credential: Value) -> Reply {
    let body = json!({ "id": challenge["id"], "credential": credential });
    world.send("POST", "/sign-in/passkey", &[("origin", ORIGIN)], Some(body)).await
}

#[tokio::test]
async fn a_passkey_signs_in_without_name_and_password() {
    let world = World::new().await;
    world.operator("olga", OperatorRole::Owner).await;
    world.operator("otto", OperatorRole::Operator).await;
    let otto = world.sign_in("otto").await;
    let (mut key, _) = passkey(&world, &otto, "phone").await;

    let offered = challenge(&world).await;
    assert_eq!(offered["options"]["publicKey"]["rpId"], "localhost");
    assert_eq!(offered["options"]["publicKey"]["userVerification"], "required");
    let credential = key.get(&offered["options"], ORIGIN);
    let reply = by_passkey(&world, &offered, credential.clone()).await;
    assert_eq!((reply.status.as_u16(), &reply.body["operator"]["name"]), (200, &json!("otto")), "{}", reply.body);
    assert!(reply.headers["set-cookie"].to_str().unwrap().starts_with("__Host-tornado="));
    assert_eq!(by_passkey(&world, &offered, credential).await.code(), "passkey_refused", "replayed");
    let used = world.signed_in(&otto, "GET", "/me/passkeys", None).await.body;
    assert_eq!((&used["items"][0]["name"], &used["items"][0]["used_at"]), (&json!("phone"), &json!(NOW)));
    let olga = world.sign_in("olga").await;
    let audit = world.signed_in(&olga, "GET", "/audit?action=operator.sign_in&limit=500", None).await.body;
    let rows = audit["items"].as_array().unwrap();
    let is_recorded = rows.iter().any(|row| row["actor"] == "operator:otto" && row["details"]["method"] == "passkey");
    assert!(is_recorded, "{audit}");
}

#[tokio::test]
async fn a_passkey_is_bound_to_site_user_and_time() {
    let world = World::new().await;
    world.operator("olga", OperatorRole::Owner).await;
    world.operator("otto", OperatorRole::Operator).await;
    let otto = world.sign_in("otto").await;
    let (mut key, view) = passkey(&world, &otto, "phone").await;
    let refused = async |offered: &Value, credential: Value, what: &str| {
        let reply = by_passkey(&world, offered, credential).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (401, "passkey_refused"), "{what}: {}", reply.body);
        assert!(reply.headers.get("set-cookie").is_none());
    };
    let offered = challenge(&world).await;
    refused(&offered, key.get(&offered["options"], "https://console.evil.example"), "another origin").await;
    let offered = challenge(&world).await;
    refused(&offered, key.get_unverified(&offered["options"], ORIGIN), "no verification of the user").await;
    let (one, other) = (challenge(&world).await, challenge(&world).await);
    refused(&one, key.get(&other["options"], ORIGIN), "the answer to another challenge").await;
    let offered = challenge(&world).await;
    world.pass(301);
    refused(&offered, key.get(&offered["options"], ORIGIN), "too late").await;

    // An operator cannot confirm with the passkey of another one, nor remove it.
    let olga = world.sign_in("olga").await;
    let none = world.signed_in(&olga, "POST", "/me/confirm/passkey/begin", None).await;
    assert_eq!(none.code(), "not_found");
    let _hers = passkey(&world, &olga, "hers").await;
    let offered = world.signed_in(&olga, "POST", "/me/confirm/passkey/begin", None).await.body;
    let body = json!({ "id": offered["id"], "credential": key.get(&offered["options"], ORIGIN) });
    assert_eq!(world.signed_in(&olga, "POST", "/me/confirm/passkey", Some(body)).await.code(), "passkey_refused");
    let path = format!("/me/passkeys/{}/remove", view["id"].as_str().unwrap());
    let password = |text: &str| Some(json!({ "password": text }));
    assert_eq!(world.signed_in(&olga, "POST", &path, password(PASSWORD)).await.code(), "not_found");

    let wrong = world.signed_in(&otto, "POST", &path, password("wrong")).await;
    assert_eq!(wrong.code(), "invalid_credentials");
    assert_eq!(world.signed_in(&otto, "POST", &path, password(PASSWORD)).await.status, 200);
    let otto = world.signed_in(&otto, "GET", "/me/passkeys", None).await.body;
    assert_eq!(otto["items"], json!([]));
    world.pass(3600);
    let offered = challenge(&world).await;
    refused(&offered, key.get(&offered["options"], ORIGIN), "removed").await;
}

#[tokio::test]
async fn a_passkey_confirms_a_sign_in() {
    let world = World::new().await;
    world.operator("olga", OperatorRole::Owner).await;
    world.operator("otto", OperatorRole::Operator).await;
    let olga = world.sign_in("olga").await;
    let (mut key, _) = passkey(&world, &olga, "key").await;
    world.pass(301);
    let remove = || world.signed_in(&olga, "DELETE", "/operators/otto", None);
    assert_eq!(remove().await.code(), "confirmation_required");
    let offered = world.signed_in(&olga, "POST", "/me/confirm/passkey/begin", None).await.body;
    let body = json!({ "id": offered["id"], "credential": key.get(&offered["options"], ORIGIN) });
    let confirmed = world.signed_in(&olga, "POST", "/me/confirm/passkey", Some(body)).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    assert_eq!(remove().await.status, 200);

    // A site without a name has no passkeys.
    let request = Request::post(format!("{BASE}/sign-in/passkey/begin"));
    let request = request.header("host", "127.0.0.1:8000").header("origin", "http://127.0.0.1:8000");
    let response = world.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 400);
}

#[tokio::test]
async fn a_reset_of_factors_leaves_the_password_only() {
    let world = World::new().await;
    world.operator("olga", OperatorRole::Owner).await;
    world.operator("otto", OperatorRole::Operator).await;
    let (olga, otto) = (world.sign_in("olga").await, world.sign_in("otto").await);
    let (mut key, _) = passkey(&world, &otto, "phone").await;
    let (mut hers, _) = passkey(&world, &olga, "hers").await;
    let token = world.token(&otto, "backup", &["tor.read"]).await.body["token"].as_str().unwrap().to_owned();
    assert_eq!(world.with_token(&token, "GET", "/me").await.status, 200);

    world.pass(301);
    let reset = || world.signed_in(&olga, "PUT", "/operators/otto", Some(json!({ "forget_totp": true })));
    assert_eq!(reset().await.code(), "confirmation_required");
    let confirmed = world.signed_in(&olga, "POST", "/me/confirm", Some(json!({ "password": PASSWORD }))).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    assert_eq!(reset().await.status, 200);

    let offered = challenge(&world).await;
    let reply = by_passkey(&world, &offered, key.get(&offered["options"], ORIGIN)).await;
    assert_eq!(reply.code(), "passkey_refused");
    assert_eq!(world.with_token(&token, "GET", "/me").await.code(), "invalid_api_token");
    assert_eq!(world.signed_in(&otto, "GET", "/me", None).await.status, 200, "sign-ins end with a new password");
    world.sign_in("otto").await;
    let offered = challenge(&world).await;
    let reply = by_passkey(&world, &offered, hers.get(&offered["options"], ORIGIN)).await;
    assert_eq!(reply.status, 200, "those of other operators stay: {}", reply.body);
}
