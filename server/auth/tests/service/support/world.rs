//! A running service with its clients and its clock.

use crate::support::fakes::FakeSessions;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};
use tornado_auth::keys::rotation::Schedule;
use tornado_auth::keys::{self, Keys};
use tornado_auth::{Address, Argon2Cost, Config, Service};
use tornado_contracts::auth::audit::AuditClient;
use tornado_contracts::auth::operators::OperatorsClient;
use tornado_contracts::auth::users::UsersClient;
use tornado_contracts::auth::{Acting, Auth, AuthClient, AuthError, CreateInvitation, OpenLogin};
use tornado_e2e_support::Scripted;
use tornado_rpc::{Channel, NoInput, SocketServer, listen};
use tornado_runtime::Roles;
use tornado_runtime::clock::Clock;
use tornado_shared::api::{LoginBody, LoginReply, LoginReplyV1, ServerInfo, WelcomePayload};
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::crypto::v1::{self, EnvelopeV1};
use tornado_shared::crypto::v2::{self, EnvelopeV2, ExportSecret, Pending, Purpose};
use tornado_shared::invitation::Invitation;
use tornado_shared::model::{DeviceId, Secret, UnixSeconds, UserId};
use tornado_store::identity::{Authority, NewAudit, NewUser, RevokeReason, SqlIdentityStore, UserChange};
use x25519_dalek::StaticSecret;

pub const NOW: UnixSeconds = 1_800_000_000;
pub const PASSWORD: &str = "correct horse battery";

pub fn config() -> Config {
    let argon2 = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
    Config { argon2, ..Config::default() }
}

fn address() -> Address {
    Address { host: Some("vpn.example.org".into()), ..Address::default() }
}

pub struct World {
    pub dir: TempDir,
    pub now: Arc<AtomicI64>,
    pub store: SqlIdentityStore,
    pub sessions: Arc<FakeSessions>,
    pub service: Arc<Service>,
    pub client: AuthClient,
    shutdown: DropGuard,
}

impl World {
    pub async fn new() -> Self {
        Self::with(config()).await
    }

    pub async fn with(config: Config) -> Self {
        Self::start(tempfile::tempdir().unwrap(), NOW, config, address()).await
    }

    /// Without a configured address for invitations.
    pub async fn without_address() -> Self {
        Self::start(tempfile::tempdir().unwrap(), NOW, config(), Address::default()).await
    }

    async fn start(dir: TempDir, at: UnixSeconds, config: Config, address: Address) -> Self {
        let store = SqlIdentityStore::open_sqlite(&dir.path().join("identity.db")).await.unwrap();
        let keys = dir.path().join("keys");
        if !keys::exist(&keys).unwrap() {
            keys::create(&keys, at, &Schedule::from(&config)).unwrap();
        }
        let keys = Keys::open(&keys, at, &Schedule::from(&config)).unwrap();
        let now = Arc::new(AtomicI64::new(at));
        let clock = now.clone();
        let clock = Clock::new(move || clock.load(Ordering::SeqCst));
        let sessions = Arc::new(FakeSessions::default());
        let service =
            Service::new(config, address, store.clone(), Arc::new(Scripted(sessions.clone())), keys, clock).unwrap();
        let service = Arc::new(service);
        service.sign_trail().await;
        let socket = dir.path().join("auth.sock");
        let router = tornado_contracts::auth::routers(service.clone());
        let server = SocketServer::new(listen(&socket).unwrap(), Roles::default(), router).unwrap();
        let shutdown = CancellationToken::new();
        tokio::spawn(server.serve(shutdown.clone()));
        let client = AuthClient::new(Channel::new(&socket));
        Self { dir, now, store, sessions, service, client, shutdown: shutdown.drop_guard() }
    }

    /// Stops the service and starts it again on the same files.
    pub async fn restart(self) -> Self {
        let now = self.now();
        drop(self.shutdown);
        self.store.close().await;
        Self::start(self.dir, now, config(), address()).await
    }

    pub fn now(&self) -> UnixSeconds {
        self.now.load(Ordering::SeqCst)
    }

    pub fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn keys_dir(&self) -> PathBuf {
        self.dir.path().join("keys")
    }

    /// An account with [`PASSWORD`].
    pub async fn account(&self, name: &str, email: Option<&str>, max_devices: u32) -> UserId {
        let hasher = tornado_auth::password::Hasher::new(config().argon2, 1, 1).unwrap();
        let user = NewUser {
            id: UserId::random(),
            username: name.parse().unwrap(),
            email: email.map(str::to_owned),
            password_hash: hasher.hash(&Secret::new(PASSWORD)).await.unwrap(),
            max_devices,
        };
        assert!(self.store.create_user(&user, self.now(), &self.act("user.create")).await.unwrap());
        user.id
    }

    pub fn act(&self, action: &str) -> NewAudit {
        NewAudit {
            authority: Authority::Caller,
            at: self.now(),
            actor: "root".into(),
            action: action.into(),
            subject: "server".into(),
            outcome: "done".into(),
            details: "{}".into(),
        }
    }

    /// Changes the store directly, as if the service had crashed right after the write.
    pub async fn set_active(&self, user: UserId, active: bool) {
        let end_logins = (!active).then_some(RevokeReason::Suspended);
        let change = UserChange { active: Some(active), end_logins, ..UserChange::default() };
        self.store.update_user(user, &change, self.now(), &[]).await.unwrap();
    }

    /// As above.
    pub async fn delete_user(&self, user: UserId) {
        self.store.delete_user(user, self.now(), &self.act("user.delete")).await.unwrap().unwrap();
    }

    /// As above.
    pub async fn remove_device(&self, device: DeviceId) {
        assert!(self.store.remove_device(device, self.now(), &self.act("device.remove")).await.unwrap());
    }

    pub fn channel(&self) -> Channel {
        Channel::new(self.dir.path().join("auth.sock"))
    }

    pub fn users(&self) -> UsersClient {
        UsersClient::new(self.channel())
    }

    pub fn operators(&self) -> OperatorsClient {
        OperatorsClient::new(self.channel())
    }

    pub fn audit(&self) -> AuditClient {
        AuditClient::new(self.channel())
    }

    pub async fn info(&self) -> ServerInfo {
        self.client.server_info(NoInput {}).await.unwrap()
    }

    pub async fn invitation(&self, username: Option<&str>) -> Invitation {
        let input = CreateInvitation {
            username: username.map(|name| name.parse().unwrap()),
            max_devices: 2,
            lifetime: 3600,
            host: None,
        };
        self.client.create_invitation(Acting::root(input)).await.unwrap().link.expose().parse().unwrap()
    }

    pub async fn seal(&self, purpose: Purpose, payload: &serde_json::Value) -> (EnvelopeV2, Pending) {
        let info = self.info().await;
        let key = info.login_key.verify(&info.identity, self.now()).unwrap();
        v2::seal(&key, purpose, self.now(), payload.to_string().as_bytes()).unwrap()
    }

    pub async fn seal_v1(&self, name: &str, password: &str) -> EnvelopeV1 {
        let server = data_encoding::BASE64.decode(self.info().await.pubkey.as_bytes()).unwrap();
        let payload = serde_json::json!({ "username_or_email": name, "password": password });
        let ephemeral = StaticSecret::from(rand::random::<[u8; 32]>());
        let server: [u8; 32] = server.try_into().unwrap();
        v1::seal(&server, &ephemeral, rand::random(), payload.to_string().as_bytes()).unwrap()
    }

    pub async fn post(&self, purpose: Purpose, body: LoginBody, from: &str) -> Result<LoginReply, AuthError> {
        let client_ip: IpAddr = from.parse().unwrap();
        self.client.open_login(OpenLogin { purpose, body, client_ip }).await
    }

    pub async fn exchange(
        &self,
        purpose: Purpose,
        payload: &serde_json::Value,
        from: &str,
    ) -> Result<Welcome, AuthError> {
        let (envelope, pending) = self.seal(purpose, payload).await;
        let reply = match self.post(purpose, LoginBody::V2(Box::new(envelope)), from).await? {
            LoginReply::V2(reply) => reply,
            LoginReply::V1(_) => panic!("a v2 envelope got a v1 reply"),
        };
        let (plain, export) = pending.open_reply(&reply.reply).unwrap();
        Ok(Welcome { payload: serde_json::from_slice(&plain).unwrap(), export })
    }

    pub async fn login(&self, name: &str, password: &str, device: &IdentityKey) -> Result<Welcome, AuthError> {
        self.exchange(Purpose::Login, &credentials(name, password, device), "192.0.2.1").await
    }

    pub async fn login_v1(&self, name: &str, password: &str) -> Result<LoginReplyV1, AuthError> {
        let envelope = self.seal_v1(name, password).await;
        match self.post(Purpose::Login, LoginBody::V1(envelope), "192.0.2.1").await? {
            LoginReply::V1(reply) => Ok(*reply),
            LoginReply::V2(_) => panic!("a v1 envelope got a v2 reply"),
        }
    }

    pub async fn enroll(
        &self,
        invitation: &Invitation,
        username: Option<&str>,
        password: &str,
        device: &IdentityKey,
    ) -> Result<Welcome, AuthError> {
        let mut payload = serde_json::json!({
            "code": invitation.code.expose(),
            "password": password,
            "device_key": device.public(),
            "device_name": "laptop",
        });
        if let Some(name) = username {
            payload["username"] = name.into();
        }
        self.exchange(Purpose::Enroll, &payload, "192.0.2.1").await
    }
}

#[derive(Debug)]
pub struct Welcome {
    pub payload: WelcomePayload,
    pub export: ExportSecret,
}

pub fn credentials(name: &str, password: &str, device: &IdentityKey) -> serde_json::Value {
    serde_json::json!({
        "username_or_email": name,
        "password": password,
        "device_key": device.public(),
        "device_name": "laptop",
    })
}

/// Every file below a directory.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
