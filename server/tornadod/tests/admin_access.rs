//! The admin API with the real service `auth`: every route with every role, without a sign-in, and with API tokens. All
//! other services are absent, so a permitted request ends with 503 or an invalid field.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

#[path = "support/authenticator.rs"]
mod authenticator;

use authenticator::Authenticator;
use axum::Router;
use axum::body::{Body, BodyDataStream, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};
use tornado_admin::{Hub, Services};
use tornado_admin_api::{BASE, METHODS, Method, STREAMS};
use tornado_auth::keys::rotation::Schedule;
use tornado_auth::keys::{self, Keys};
use tornado_auth::{Argon2Cost, Clock};
use tornado_contracts::ServiceName;
use tornado_contracts::auth::operators::{OperatorRole, Operators as _, OperatorsClient, PutOperatorRole};
use tornado_contracts::auth::{Acting, Auth as _, AuthClient};
use tornado_contracts::session::SessionsClient;
use tornado_rpc::{Channel, NoInput, SocketServer, listen};
use tornado_runtime::Roles;
use tornado_shared::model::Secret;
use tornado_store::identity::SqlIdentityStore;
use tower::ServiceExt as _;

const NOW: i64 = 1_800_000_000;
const PASSWORD: &str = "correct horse battery";
const ORIGIN: &str = "http://localhost:8000";
const ROLES: [(&str, OperatorRole); 3] =
    [("olga", OperatorRole::Owner), ("otto", OperatorRole::Operator), ("vera", OperatorRole::Viewer)];
/// Rights that no API token has.
const NOT_FOR_TOKENS: [&str; 9] = [
    "backup.create",
    "backup.read",
    "own.sign_in",
    "operators.write",
    "operators.remove",
    "tokens.read",
    "tokens.create",
    "tokens.revoke",
    "logs.write",
];

/// Service `auth`, the routes of the admin API, and a clock.
struct World {
    _dir: TempDir,
    _stop: DropGuard,
    now: Arc<AtomicI64>,
    operators: OperatorsClient,
    auth: AuthClient,
    hub: Arc<Hub>,
    router: Router,
}

/// An answer.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Reply {
    fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// True if the request passed all checks of access, whatever became of it afterwards.
    fn is_admitted(&self) -> bool {
        let is_absent = self.status == 404 && self.body["detail"].as_str().is_some_and(|text| text.contains("route"));
        ![401, 403, 405, 429].contains(&self.status.as_u16()) && !is_absent
    }
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let argon2 = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
        let config = tornado_auth::Config { argon2, ..tornado_auth::Config::default() };
        let store = SqlIdentityStore::open_sqlite(&dir.path().join("identity.db")).await.unwrap();
        let (key_dir, schedule) = (dir.path().join("keys"), Schedule::from(&config));
        keys::create(&key_dir, NOW, &schedule).unwrap();
        let keys = Keys::open(&key_dir, NOW, &schedule).unwrap();
        let now = Arc::new(AtomicI64::new(NOW));
        let clock = now.clone();
        let clock = Clock::new(move || clock.load(Ordering::SeqCst));
        let absent: PathBuf = dir.path().join("absent.sock");
        let sessions = Arc::new(SessionsClient::new(Channel::new(&absent)));
        let service = tornado_auth::Service::new(config, Arc::new(store), sessions, keys, clock).unwrap();
        let service = Arc::new(service);
        service.sign_trail().await;
        let socket = dir.path().join("auth.sock");
        let contracts = tornado_contracts::auth::routers(service);
        let server = SocketServer::new(listen(&socket).unwrap(), Roles::default(), contracts).unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(server.serve(stop.clone()));
        let channel = |name: ServiceName| Channel::new(if name == ServiceName::Auth { &socket } else { &absent });
        let services = Arc::new(Services::over(channel, Channel::new(&absent)));
        let hub = Arc::new(Hub::new(1));
        let router = tornado_admin::api_router(services, hub.clone(), tornado_admin::Config::default());
        let operators = OperatorsClient::new(Channel::new(&socket));
        let auth = AuthClient::new(Channel::new(&socket));
        Self { _dir: dir, _stop: stop.drop_guard(), now, operators, auth, hub, router }
    }

    async fn operator(&self, name: &str, role: OperatorRole) {
        let password = Some(Secret::new(PASSWORD));
        let put = PutOperatorRole { name: name.parse().unwrap(), password, role: Some(role), forget_totp: false };
        self.operators.put_operator_role(Acting::root(put)).await.unwrap();
    }

    async fn send(&self, verb: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Reply {
        let mut request = Request::builder().method(verb).uri(format!("{BASE}{path}")).header("host", "localhost:8000");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let is_stream = parts.headers.get("content-type").is_some_and(|value| value == "text/event-stream");
        let text = if is_stream { Vec::new() } else { to_bytes(body, 1 << 24).await.unwrap().to_vec() };
        let body = serde_json::from_slice(&text).unwrap_or(Value::Null);
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// Cookie and CSRF token of a new sign-in.
    async fn sign_in(&self, name: &str) -> [String; 2] {
        let body = json!({ "name": name, "password": PASSWORD });
        let reply = self.send("POST", "/sign-in", &[("origin", ORIGIN)], Some(body)).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let cookie = reply.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        [cookie, reply.body["csrf_token"].as_str().unwrap().to_owned()]
    }

    async fn signed_in(&self, [cookie, csrf]: &[String; 2], verb: &str, path: &str, body: Option<Value>) -> Reply {
        let headers = [("cookie", cookie.as_str()), ("x-csrf-token", csrf), ("origin", ORIGIN)];
        self.send(verb, path, &headers, body).await
    }

    async fn rights(&self, sign_in: &[String; 2]) -> Vec<String> {
        let rights = self.signed_in(sign_in, "GET", "/me", None).await.body["rights"].clone();
        rights.as_array().unwrap().iter().map(|right| right.as_str().unwrap().to_owned()).collect()
    }

    async fn token(&self, sign_in: &[String; 2], name: &str, scopes: &[&str]) -> Reply {
        let body = json!({ "name": name, "scopes": scopes, "lifetime": 3600 });
        self.signed_in(sign_in, "POST", "/api-tokens", Some(body)).await
    }

    async fn with_token(&self, token: &str, verb: &str, path: &str) -> Reply {
        self.send(verb, path, &[("authorization", &format!("Bearer {token}"))], None).await
    }

    fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }
}

fn every_method() -> impl Iterator<Item = &'static Method> {
    METHODS.iter().chain(&STREAMS)
}

/// The path with values that no object has.
fn path(method: &Method) -> String {
    let none = "00000000-0000-4000-8000-000000000000";
    let path = method.path.replace("{id}", none).replace("{device_id}", none).replace("{service}", "dns");
    path.replace("{name}", "none-such").replace("{user}", "none-such")
}

#[tokio::test]
async fn every_route_requires_its_right() {
    let world = World::new().await;
    for (name, role) in ROLES {
        world.operator(name, role).await;
    }
    let unknown = ["__Host-tornado=ABCDEFGHIJKLMNOP".to_owned(), "0".repeat(64)];
    let ended = world.sign_in("olga").await;
    assert_eq!(world.signed_in(&ended, "POST", "/sign-out", None).await.status, 200);
    for method in every_method() {
        let (verb, path) = (method.verb.as_str(), path(method));
        let without = world.send(verb, &path, &[], None).await;
        assert_eq!((without.status.as_u16(), without.code()), (401, "signed_out"), "{}", method.name);
        assert_eq!(without.headers["content-type"], "application/problem+json");
        assert_eq!(world.signed_in(&ended, verb, &path, None).await.status, 401, "{} signed out", method.name);
        let refused = world.signed_in(&unknown, verb, &path, None).await;
        assert_eq!(refused.status, if method.verb.changes() { 403 } else { 401 }, "{} unknown", method.name);
    }
    for (name, role) in ROLES {
        let rights = world.rights(&world.sign_in(name).await).await;
        let mut refused = 0;
        for method in every_method() {
            // A new one each time: some methods end it.
            let sign_in = world.sign_in(name).await;
            let reply = world.signed_in(&sign_in, method.verb.as_str(), &path(method), None).await;
            let what = format!("{} as {role}: {} {}", method.name, reply.status, reply.body);
            if rights.iter().any(|right| right == method.right) {
                assert!(reply.is_admitted(), "{what}");
            } else {
                assert_eq!((reply.status.as_u16(), reply.code()), (403, "not_allowed"), "{what}");
                refused += 1;
            }
        }
        assert_eq!(refused == 0, role == OperatorRole::Owner);
    }
    let changes = METHODS.iter().filter(|method| method.verb.changes());
    let viewer = world.rights(&world.sign_in("vera").await).await;
    let own: Vec<_> = changes.filter(|method| viewer.contains(&method.right.to_owned())).map(|one| one.right).collect();
    assert!(own.iter().all(|right| *right == "own.sign_in"), "a viewer changes only its own sign-in: {own:?}");
}

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
async fn the_first_owner_names_the_server_and_invites() {
    let world = World::new().await;
    let code = world.auth.setup_link(NoInput {}).await.unwrap().code.unwrap();
    let set_up = async |code: &str, name: &str, password: &str| {
        let body = json!({ "code": code, "name": name, "password": password });
        world.send("POST", "/setup", &[("origin", ORIGIN)], Some(body)).await
    };
    assert_eq!(set_up("WRONGCODE", "olga", PASSWORD).await.code(), "invalid_setup_code");
    assert_eq!(set_up(code.expose(), "o", PASSWORD).await.code(), "invalid_fields");
    assert_eq!(set_up(code.expose(), "olga", "short").await.code(), "invalid_fields");
    let foreign = [("origin", "https://evil.example")];
    let body = json!({ "code": code.expose(), "name": "eve", "password": PASSWORD });
    assert_eq!(world.send("POST", "/setup", &foreign, Some(body)).await.code(), "foreign_origin");
    let reply = set_up(code.expose(), "olga", PASSWORD).await;
    assert_eq!((reply.status.as_u16(), &reply.body["operator"]["role"]), (200, &json!("owner")), "{}", reply.body);
    let cookie = reply.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let olga = [cookie, reply.body["csrf_token"].as_str().unwrap().to_owned()];
    let again = set_up(code.expose(), "eve", PASSWORD).await;
    assert_eq!((again.status.as_u16(), again.code()), (410, "invalid_setup_code"), "the link works once");

    let name = async |value: Value| {
        world.signed_in(&olga, "PUT", "/settings/server.host", Some(json!({ "value": value }))).await
    };
    assert_eq!(name(json!("a b")).await.code(), "invalid_fields");
    assert_eq!(name(json!("vpn.example.org:443")).await.code(), "invalid_fields");
    for _ in 0..2 {
        assert_eq!(name(json!("vpn.example.org")).await.status, 200, "a repetition changes nothing");
    }
    let server = world.signed_in(&olga, "GET", "/server", None).await.body;
    assert_eq!((&server["host"], &server["reach"]), (&json!("vpn.example.org"), &json!("name")));
    let settings = world.signed_in(&olga, "GET", "/settings", None).await.body;
    let host = settings["settings"].as_array().unwrap().iter().find(|one| one["name"] == "server.host").unwrap();
    assert_eq!((&host["origin"], &host["is_changeable"]), (&json!("operator"), &json!(true)));
    let fixed = world.signed_in(&olga, "PUT", "/settings/auth.access_lifetime", Some(json!({ "value": "1" }))).await;
    assert_eq!(fixed.code(), "invalid_fields");
    let invitation = world.signed_in(&olga, "POST", "/invitations", None).await.body;
    // The edge has not attested its certificate in this test, which invitations require; the name was accepted before.
    assert!(invitation["code"].is_string() || invitation["link"].as_str().unwrap().contains("vpn.example.org"));
    assert_eq!(name(Value::Null).await.status, 200);
    assert_ne!(world.signed_in(&olga, "GET", "/server", None).await.body["host"], "vpn.example.org");
    let actions = world.signed_in(&olga, "GET", "/audit?action=settings.put", None).await.body;
    assert_eq!(actions["items"].as_array().unwrap().len(), 3, "{actions}");
}

/// Reads a stream until it contains `word`.
async fn until(stream: &mut BodyDataStream, word: &str) -> String {
    let mut text = String::new();
    let read = async {
        while !text.contains(word) {
            let part = stream.next().await.unwrap().unwrap();
            text.push_str(std::str::from_utf8(&part).unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.unwrap();
    text
}

#[tokio::test]
async fn events_arrive_live_with_the_readers_rights() {
    let world = World::new().await;
    for (name, role) in ROLES {
        world.operator(name, role).await;
    }
    let vera = world.sign_in("vera").await;
    let open = async |last: Option<&str>| {
        let request = Request::get(format!("{BASE}/events")).header("host", "localhost:8000");
        let request = request.header("cookie", &vera[0]);
        let request = last.into_iter().fold(request, |request, id| request.header("last-event-id", id));
        let response = world.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        response.into_body().into_data_stream()
    };
    let mut events = open(None).await;
    world.hub.publish("keys", "keys.read", r#"{"secret":1}"#);
    world.hub.publish("session", "sessions.read", r#"{"number":1}"#);
    world.hub.publish("session", "sessions.read", r#"{"number":2}"#);
    let text = until(&mut events, "\"number\":2").await;
    assert!(text.contains("event: session\n") && text.contains("\"number\":1"), "{text}");
    assert!(!text.contains("secret"), "a viewer has no right to keys: {text}");
    assert!(world.hub.token().is_some(), "events of sessions are read with the token of a reader");
    let id = text.lines().filter_map(|line| line.strip_prefix("id: ")).next_back().unwrap().to_owned();
    drop(events);
    assert!(!world.hub.is_read() && world.hub.token().is_none(), "the reader has left");

    world.hub.publish("session", "sessions.read", r#"{"number":3}"#);
    let text = until(&mut open(Some(&id)).await, "\"number\":3").await;
    assert!(!text.contains("\"number\":2"), "continues after the last event: {text}");
    for unknown in ["00000009-1", "nonsense"] {
        until(&mut open(Some(unknown)).await, "event: resync\n").await;
    }
}
