//! Service `auth`, the routes of the admin API, and a clock.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};
use tornado_admin::{Hub, Services};
use tornado_admin_api::BASE;
use tornado_auth::keys::rotation::Schedule;
use tornado_auth::keys::{self, Keys};
use tornado_auth::{Address, Argon2Cost};
use tornado_contracts::ServiceName;
use tornado_contracts::auth::operators::{OperatorRole, Operators as _, OperatorsClient, PutOperatorRole};
use tornado_contracts::auth::{Acting, AuthClient};
use tornado_contracts::session::SessionsClient;
use tornado_rpc::{Channel, SocketServer, listen};
use tornado_runtime::Roles;
use tornado_runtime::clock::Clock;
use tornado_shared::model::Secret;
use tornado_store::identity::SqlIdentityStore;
use tower::ServiceExt as _;

pub const NOW: i64 = 1_800_000_000;
pub const PASSWORD: &str = "correct horse battery";
pub const ORIGIN: &str = "http://localhost:8000";
pub const ROLES: [(&str, OperatorRole); 3] =
    [("olga", OperatorRole::Owner), ("otto", OperatorRole::Operator), ("vera", OperatorRole::Viewer)];
/// Rights that no API token has.
pub const NOT_FOR_TOKENS: [&str; 9] = [
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
pub struct World {
    _dir: TempDir,
    _stop: DropGuard,
    pub now: Arc<AtomicI64>,
    pub operators: OperatorsClient,
    pub auth: AuthClient,
    pub hub: Arc<Hub>,
    pub router: Router,
}

/// An answer.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Reply {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// True if the request passed all checks of access, whatever became of it afterwards.
    pub fn is_admitted(&self) -> bool {
        let is_absent = self.status == 404 && self.body["detail"].as_str().is_some_and(|text| text.contains("route"));
        ![401, 403, 405, 429].contains(&self.status.as_u16()) && !is_absent
    }
}

impl World {
    pub async fn new() -> Self {
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
        let service = tornado_auth::Service::new(config, Address::default(), store, sessions, keys, clock).unwrap();
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

    pub async fn operator(&self, name: &str, role: OperatorRole) {
        let password = Some(Secret::new(PASSWORD));
        let put = PutOperatorRole { name: name.parse().unwrap(), password, role: Some(role), forget_totp: false };
        self.operators.put_operator_role(Acting::root(put)).await.unwrap();
    }

    pub async fn send(&self, verb: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Reply {
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
    pub async fn sign_in(&self, name: &str) -> [String; 2] {
        let body = json!({ "name": name, "password": PASSWORD });
        let reply = self.send("POST", "/sign-in", &[("origin", ORIGIN)], Some(body)).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let cookie = reply.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        [cookie, reply.body["csrf_token"].as_str().unwrap().to_owned()]
    }

    pub async fn signed_in(&self, [cookie, csrf]: &[String; 2], verb: &str, path: &str, body: Option<Value>) -> Reply {
        let headers = [("cookie", cookie.as_str()), ("x-csrf-token", csrf), ("origin", ORIGIN)];
        self.send(verb, path, &headers, body).await
    }

    pub async fn rights(&self, sign_in: &[String; 2]) -> Vec<String> {
        let rights = self.signed_in(sign_in, "GET", "/me", None).await.body["rights"].clone();
        rights.as_array().unwrap().iter().map(|right| right.as_str().unwrap().to_owned()).collect()
    }

    pub async fn token(&self, sign_in: &[String; 2], name: &str, scopes: &[&str]) -> Reply {
        let body = json!({ "name": name, "scopes": scopes, "lifetime": 3600 });
        self.signed_in(sign_in, "POST", "/api-tokens", Some(body)).await
    }

    pub async fn with_token(&self, token: &str, verb: &str, path: &str) -> Reply {
        self.send(verb, path, &[("authorization", &format!("Bearer {token}"))], None).await
    }

    pub fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }
}
