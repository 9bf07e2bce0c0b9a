//! A fake device API with configurable behaviour, and a helper on a fake operating system.
#![allow(dead_code, reason = "not every test uses all")]
#![expect(clippy::unused_async, reason = "axum handlers are async")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use axum::Router;
use axum::extract::{Json, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use data_encoding::HEXLOWER;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tokio_util::sync::CancellationToken;
use tornado_e2e_support::small_steps;
use tornado_helper_api::{Enroll, Helper as _, HelperClient, NoInput, Status};
use tornado_kit::clock::unix_now;
use tornado_shared::api::{ServerInfo, TlsAttestation, path};
use tornado_shared::crypto::identity::{Fingerprint, IdentityKey, tls_statement};
use tornado_shared::crypto::login_key::{LoginKey, StoredLoginKey};
use tornado_shared::crypto::v2::{EnvelopeV2, Purpose, open};
use tornado_shared::invitation::Invitation;
use tornado_shared::model::{PrivateKey, PublicKey, Secret};
use tornado_shared::problem::Problem;
use tornado_tunnel::os::fake::Fake;

/// Width of the steps in which paused time passes.
pub const STEP: Duration = Duration::from_millis(5);

pub const CODE: &str = "ABCDEFGH23456789ABCD";

/// Behaviour of the fake server, and what it recorded.
pub struct Inside {
    pub heartbeat: Option<(u16, &'static str)>,
    /// Status, code and `Retry-After` of a rejected connect.
    pub initiate: Option<(u16, &'static str, u64)>,
    /// State of the tor lane; `None`: the server does not report lanes.
    pub tor: Option<&'static str>,
    /// Host that the server reports for its lanes.
    pub host: Option<&'static str>,
    pub new_identity: Option<(u16, &'static str)>,
    pub preshared: bool,
    pub access_lifetime: i64,
    pub refresh: Option<(u16, &'static str)>,
    /// Number of refreshes that are performed but whose responses are lost.
    pub lost_refreshes: u32,
    refreshed: Option<(Value, Value)>,
    pub address: u8,
    pub calls: Vec<String>,
    pub keys: Vec<PublicKey>,
    pub serial: u32,
    /// Time to live of a session after a heartbeat, seconds.
    pub heartbeat_ttl: u32,
    /// The device's event stream, once it is open.
    pub events: Option<tokio::sync::mpsc::UnboundedSender<String>>,
}

pub struct Server {
    pub inside: Arc<Mutex<Inside>>,
    pub identity: IdentityKey,
    pub spki: Fingerprint,
    pub address: String,
    pub task: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    inside: Arc<Mutex<Inside>>,
    identity: IdentityKey,
    login_key: Arc<LoginKey>,
    spki: Fingerprint,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_as(IdentityKey::random(), "127.0.0.1:0").await
    }

    /// Starts a server in a test with paused time.
    pub async fn start_paused() -> Self {
        small_steps(STEP);
        Self::start().await
    }

    /// Starts a server with this identity on a given address, with a new TLS key.
    pub async fn start_as(identity: IdentityKey, address: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let spki = Fingerprint(Sha256::digest(key.subject_public_key_info()).into());
        let certificate = CertificateParams::new(vec!["x.invalid".into()]).unwrap().self_signed(&key).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let inside = Arc::new(Mutex::new(Inside {
            heartbeat: None,
            initiate: None,
            tor: Some("open"),
            host: None,
            new_identity: None,
            preshared: true,
            access_lifetime: 900,
            refresh: None,
            lost_refreshes: 0,
            refreshed: None,
            address: 2,
            calls: Vec::new(),
            keys: Vec::new(),
            serial: 0,
            heartbeat_ttl: 3,
            events: None,
        }));
        let login_key = Arc::new(StoredLoginKey::random(unix_now(), 86_400).load());
        let shared = Shared { inside: inside.clone(), identity: identity.clone(), login_key, spki };
        let task = tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), router(shared)));
        Self { inside, identity, spki, address, task }
    }

    pub fn link(&self) -> Secret {
        let server = self.address.parse().unwrap();
        let identity = self.identity.public().fingerprint();
        Invitation { server, identity, tls: Some(self.spki), code: Secret::new(CODE) }.to_link()
    }

    pub fn count(&self, call: &str) -> usize {
        self.inside.lock().unwrap().calls.iter().filter(|c| *c == call).count()
    }

    /// Number of calls so far.
    pub fn calls(&self) -> usize {
        self.inside.lock().unwrap().calls.len()
    }

    pub fn set(&self, change: impl FnOnce(&mut Inside)) {
        change(&mut self.inside.lock().unwrap());
    }
}

async fn accept(listener: tokio::net::TcpListener, acceptor: TlsAcceptor, router: Router) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        // As the real server does. Otherwise the kernel delays responses by a timer, in real time.
        stream.set_nodelay(true).unwrap();
        let (acceptor, router) = (acceptor.clone(), router.clone());
        connections.spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = TowerToHyperService::new(router);
            let http = hyper::server::conn::http1::Builder::new();
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route(path::SERVER, get(server))
        .route(path::ENROLL, post(|s, b| login(s, Purpose::Enroll, b)))
        .route(path::LOGIN, post(|s, b| login(s, Purpose::Login, b)))
        .route(path::REAUTH, post(reauth))
        .route(path::LOGOUT, post(|s| simple(s, path::LOGOUT, json!({"status": "logged_out"}))))
        .route(path::INITIATE, post(initiate))
        .route(path::HEARTBEAT, post(heartbeat))
        .route(path::LANES, get(lanes))
        .route(path::EVENTS, get(events))
        .route(path::NEW_IDENTITY, post(new_identity))
        .route(path::DISCONNECT, post(|s| simple(s, path::DISCONNECT, json!({"session_id": null}))))
        .with_state(shared)
}

async fn simple(State(shared): State<Shared>, name: &'static str, answer: Value) -> Json<Value> {
    shared.inside.lock().unwrap().calls.push(name.into());
    Json(answer)
}

async fn server(State(shared): State<Shared>) -> Json<ServerInfo> {
    let spki_sha256 = HEXLOWER.encode(&shared.spki.0);
    let signature = shared.identity.sign(&tls_statement(&spki_sha256));
    Json(ServerInfo {
        identity: shared.identity.public(),
        login_key: shared.login_key.sign(&shared.identity),
        pubkey: String::new(),
        tls: Some(TlsAttestation { spki_sha256, signature }),
        now: unix_now(),
    })
}

fn problem(status: u16, code: &str) -> Response {
    let body = serde_json::to_vec(&Problem::new(status, code, format!("fake problem: {code}"))).unwrap();
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

fn tokens(inside: &mut Inside) -> Value {
    inside.serial += 1;
    json!({
        "access_token": format!("access{}", inside.serial), "refresh_token": format!("refresh{}", inside.serial),
        "access_jti": uuid::Uuid::new_v4(), "refresh_jti": uuid::Uuid::new_v4(),
        "device_id": uuid::Uuid::nil(), "expires_in": inside.access_lifetime
    })
}

async fn login(State(shared): State<Shared>, purpose: Purpose, Json(envelope): Json<EnvelopeV2>) -> Response {
    let opened = open(&shared.login_key, &shared.identity.public(), purpose, unix_now(), &envelope);
    let Ok((plain, replier)) = opened else { return problem(400, "invalid_encrypted_payload") };
    let payload: Value = serde_json::from_slice(&plain).unwrap();
    let mut inside = shared.inside.lock().unwrap();
    inside.calls.push(if purpose == Purpose::Enroll { path::ENROLL } else { path::LOGIN }.into());
    if payload["password"] != "a long password" {
        return problem(401, "invalid_credentials");
    }
    let user = json!({"id": uuid::Uuid::nil(), "username": "ann", "email": "", "is_active": true});
    let welcome = json!({"user": user, "tokens": tokens(&mut inside), "device_id": uuid::Uuid::nil()});
    let (reply, _) = replier.seal(&serde_json::to_vec(&welcome).unwrap()).unwrap();
    Json(json!({"version": 2, "reply": reply})).into_response()
}

async fn reauth(State(shared): State<Shared>, Json(body): Json<Value>) -> Response {
    let mut inside = shared.inside.lock().unwrap();
    inside.calls.push(path::REAUTH.into());
    if let Some((status, code)) = inside.refresh {
        return problem(status, code);
    }
    let refreshed = Some((body["refresh_token"].clone(), body["idempotency_key"].clone()));
    if body["refresh_token"] != format!("refresh{}", inside.serial) && inside.refreshed != refreshed {
        return problem(401, "token_revoked_reuse_detected");
    }
    inside.refreshed = refreshed;
    let tokens = tokens(&mut inside);
    if inside.lost_refreshes > 0 {
        inside.lost_refreshes -= 1;
        return problem(503, "unavailable");
    }
    Json(json!({"status": "ok", "tokens": tokens})).into_response()
}

fn authorised(headers: &HeaderMap, inside: &Inside) -> bool {
    headers.get("authorization").is_some_and(|h| h == &format!("Bearer access{}", inside.serial))
}

async fn initiate(State(shared): State<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let mut inside = shared.inside.lock().unwrap();
    inside.calls.push(path::INITIATE.into());
    if !authorised(&headers, &inside) {
        return problem(401, "invalid_token");
    }
    if let Some((status, code, retry_after)) = inside.initiate {
        let mut response = problem(status, code);
        response.headers_mut().insert("retry-after", retry_after.into());
        return response;
    }
    inside.keys.push(serde_json::from_value(body["public_key"].clone()).unwrap());
    let key = |n: u8| PrivateKey::from_bytes([n; 32]).public_key();
    let host = inside.host.unwrap_or("127.0.0.1");
    let lane = |third: u8, port: u16| {
        json!({"ip": format!("10.{third}.0.{}", inside.address), "endpoint": format!("{host}:{port}"),
               "server_pubkey": key(third), "ip6": format!("fd7{third}::{}", inside.address), "port": port, "mtu": 1420})
    };
    Json(json!({"status": "success", "vpn": lane(8, 51820), "tor": lane(9, 51821),
        "session": {"heartbeat_ttl": inside.heartbeat_ttl, "hard_ttl": 3600}, "session_id": uuid::Uuid::new_v4(),
        "preshared": inside.preshared}))
    .into_response()
}

async fn heartbeat(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let mut inside = shared.inside.lock().unwrap();
    inside.calls.push(path::HEARTBEAT.into());
    if !authorised(&headers, &inside) {
        return problem(401, "invalid_token");
    }
    match inside.heartbeat {
        Some((400, code)) => {
            inside.heartbeat = None;
            problem(400, code)
        }
        Some((status, code)) => problem(status, code),
        None => Json(json!({"status": "ok"})).into_response(),
    }
}

async fn lanes(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let mut inside = shared.inside.lock().unwrap();
    inside.calls.push(path::LANES.into());
    if !authorised(&headers, &inside) {
        return problem(401, "invalid_token");
    }
    let Some(tor) = inside.tor else { return problem(503, "unavailable") };
    let view = |lane: &str, state: &str| {
        let key = PrivateKey::from_bytes([1; 32]).public_key();
        json!({"lane": lane, "state": state, "port": 51820, "server_pubkey": key})
    };
    Json(json!({"lanes": [view("direct", "open"), view("tor", tor)], "host": inside.host})).into_response()
}

async fn events(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let mut inside = shared.inside.lock().unwrap();
    inside.calls.push(path::EVENTS.into());
    if !authorised(&headers, &inside) {
        return problem(401, "invalid_token");
    }
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel::<String>();
    inside.events = Some(sender);
    let messages = futures::stream::poll_fn(move |context| receiver.poll_recv(context));
    let messages = futures::StreamExt::map(messages, Ok::<_, std::io::Error>);
    axum::body::Body::from_stream(messages).into_response()
}

async fn new_identity(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let mut inside = shared.inside.lock().unwrap();
    inside.calls.push(path::NEW_IDENTITY.into());
    if !authorised(&headers, &inside) {
        return problem(401, "invalid_token");
    }
    match inside.new_identity {
        Some((status, code)) => problem(status, code),
        None => Json(json!({"status": "ok"})).into_response(),
    }
}

/// A helper in this process.
pub struct Machine {
    pub directory: tempfile::TempDir,
    pub os: Fake,
    pub client: HelperClient,
    pub stop: CancellationToken,
    pub task: Option<tokio::task::JoinHandle<()>>,
}

impl Machine {
    pub async fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let client = tornado_helper_api::client(directory.path().join("helper.sock"));
        let mut machine = Self { directory, os: Fake::default(), client, stop: CancellationToken::new(), task: None };
        machine.start().await;
        machine
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("helper.sock")
    }

    pub fn state_file(&self) -> PathBuf {
        self.directory.path().join("state/state.json")
    }

    pub async fn start(&mut self) {
        self.stop = CancellationToken::new();
        let config = tornado_helper::Config {
            socket: self.socket(),
            state_dir: self.directory.path().join("state"),
            allow_uids: [12_345].into(),
            group: None,
            resolv_conf: self.directory.path().join("resolv.conf"),
            groups: tornado_tunnel::os::linux::ProgramGroups::new("tornado-test"),
            log_file: self.directory.path().join("helper.log"),
        };
        let listener = tornado_helper::listen(&config).unwrap();
        let task = tokio::spawn(tornado_helper::run(listener, config, Box::new(self.os.clone()), self.stop.clone()));
        self.task = Some(task);
        for _ in 0..200 {
            if self.client.status(NoInput {}).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        unreachable!("the helper did not start");
    }

    pub async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            task.await.unwrap();
        }
    }

    pub async fn enrolled(server: &Server) -> Self {
        let machine = Self::new().await;
        machine.enroll(server).await;
        machine
    }

    pub async fn enroll(&self, server: &Server) {
        let input = Enroll {
            link: server.link(),
            username: Some("ann".parse().unwrap()),
            password: Secret::new("a long password"),
            totp: None,
            device_name: "laptop".parse().unwrap(),
        };
        let status = self.client.enroll(input).await.unwrap();
        assert!(status.logged_in);
    }

    /// Waits until `wished` returns true for the status.
    pub async fn until(&self, wished: impl Fn(&Status) -> bool) -> Status {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let status = self.client.status(NoInput {}).await.unwrap();
            if wished(&status) {
                return status;
            }
            assert!(tokio::time::Instant::now() < deadline, "still {status:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
