//! Start of the service: the real `run`, and the states in which it must refuse to start.

use crate::support::world::{PASSWORD, World, config, files};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tokio_util::sync::CancellationToken;
use tornado_auth::Error;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::{Auth as _, AuthClient};
use tornado_rpc::NoInput;
use tornado_runtime::metrics::Metrics;
use tornado_runtime::{Context, Roles};
use tornado_shared::crypto::identity::IdentityKey;

fn context(dir: &Path) -> Context {
    Context {
        service: ServiceName::Auth,
        run_dir: dir.to_owned(),
        state_dir: dir.to_owned(),
        roles: Roles::default(),
        metrics: Metrics::default(),
        shutdown: CancellationToken::new(),
    }
}

async fn try_start(dir: &Path) -> Result<(), Error> {
    let context = context(dir);
    let (client, shutdown) = (AuthClient::new(context.channel(ServiceName::Auth)), context.shutdown.clone());
    // Stops a service that starts although it should not.
    tokio::spawn(async move {
        while client.server_info(NoInput {}).await.is_err() {
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
    });
    tornado_auth::run(context, config(), tornado_auth::Wiring::default()).await
}

#[tokio::test]
async fn runs_answers_and_keeps_its_identity() {
    let dir = tempfile::tempdir().unwrap();
    let mut identities = Vec::new();
    for _ in 0..2 {
        let context = context(dir.path());
        let client = AuthClient::new(context.channel(ServiceName::Auth));
        let shutdown = context.shutdown.clone();
        let running = tokio::spawn(tornado_auth::run(context, config(), tornado_auth::Wiring::default()));
        let info = loop {
            match client.server_info(NoInput {}).await {
                Ok(info) => break info,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        identities.push((info.identity, info.login_key.statement.id, info.pubkey));
        shutdown.cancel();
        running.await.unwrap().unwrap();
    }
    assert_eq!(identities[0], identities[1]);
}

#[tokio::test]
async fn keys_and_database_are_private() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    world.login("alice", PASSWORD, &IdentityKey::random()).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&world.keys_dir()), 0o700);
    let keys = files(&world.keys_dir());
    assert_eq!(keys.len(), 7, "{keys:?}");
    for key in keys {
        assert_eq!(mode(&key), 0o600, "{}", key.display());
    }
    for file in files(world.dir.path()).iter().filter(|path| path.display().to_string().contains("identity.db")) {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn an_unusable_key_prevents_the_start() {
    let dir = tempfile::tempdir().unwrap();
    try_start(dir.path()).await.unwrap();
    let keys = dir.path().join("keys");
    for path in files(&keys) {
        let whole = std::fs::read(&path).unwrap();
        let damages: [&[u8]; 4] = [b"", b"{}", &whole[..whole.len() / 2], b"\xff\xfe rubbish"];
        for damage in damages {
            std::fs::write(&path, damage).unwrap();
            assert!(matches!(try_start(dir.path()).await, Err(Error::Keys(_))), "{}", path.display());
            assert_eq!(std::fs::read(&path).unwrap(), damage, "a damaged file was overwritten");
        }
        std::fs::write(&path, &whole).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(try_start(dir.path()).await, Err(Error::Keys(_))), "{}", path.display());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let identity = keys.join("identity.json");
    let away = dir.path().join("away.json");
    std::fs::rename(&identity, &away).unwrap();
    assert!(matches!(try_start(dir.path()).await, Err(Error::Keys(_))));
    assert!(!identity.exists());
    std::fs::rename(&away, &identity).unwrap();
    try_start(dir.path()).await.unwrap();
}

#[tokio::test]
async fn lost_keys_and_a_damaged_database_are_not_replaced() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    world.store.close().await;
    let keys = world.keys_dir();
    let away = world.dir.path().join("away");
    std::fs::rename(&keys, &away).unwrap();
    assert!(matches!(try_start(world.dir.path()).await, Err(Error::KeysLost(_))));
    assert!(!keys.exists());
    std::fs::rename(&away, &keys).unwrap();
    let database = world.dir.path().join("identity.db");
    std::fs::rename(&database, &away).unwrap();
    assert!(matches!(try_start(world.dir.path()).await, Err(Error::DatabaseLost(_))));
    assert!(!database.exists());
    std::fs::write(&database, [7u8; 9000]).unwrap();
    assert!(matches!(try_start(world.dir.path()).await, Err(Error::Store(_))));
    assert_eq!(std::fs::read(&database).unwrap(), [7u8; 9000]);
}

#[tokio::test]
async fn an_interrupted_first_start_is_repeated() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("keys.new")).unwrap();
    std::fs::write(dir.path().join("keys.new/identity.json"), "half").unwrap();
    try_start(dir.path()).await.unwrap();
    assert!(!dir.path().join("keys.new").exists());
}

fn login_keys(world: &World) -> usize {
    files(&world.keys_dir()).iter().filter(|path| path.display().to_string().contains("/login-")).count()
}

#[tokio::test]
async fn login_keys_are_replaced_and_old_ones_kept_until_expiry() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    let first = world.info().await;
    world.pass(19 * 86_400);
    world.service.upkeep().await;
    assert_eq!(world.info().await.login_key, first.login_key);
    world.pass(2 * 86_400);
    let sealed_to_old = world.seal_v1("alice", PASSWORD).await;
    world.service.upkeep().await;
    let second = world.info().await;
    assert_ne!(second.login_key.statement.id, first.login_key.statement.id);
    assert_ne!(second.pubkey, first.pubkey);
    assert_eq!(login_keys(&world), 4);
    let body = tornado_shared::api::LoginBody::V1(sealed_to_old);
    let purpose = tornado_shared::crypto::v2::Purpose::Login;
    assert!(world.post(purpose, body, "192.0.2.1").await.is_ok());
    assert!(world.login("alice", PASSWORD, &IdentityKey::random()).await.is_ok());
    world.pass(10 * 86_400);
    world.service.upkeep().await;
    assert_eq!(login_keys(&world), 2);
    let world = world.restart().await;
    assert_eq!(world.info().await.login_key, second.login_key);
}

#[tokio::test]
async fn public_halves_are_derived_and_not_stored() {
    let world = World::new().await;
    let info = serde_json::to_value(world.info().await).unwrap();
    let keys = world.client.verifying_keys(NoInput {}).await.unwrap();
    let mut public: Vec<String> = keys.into_iter().map(|key| key.x).collect();
    for half in [&info["identity"], &info["pubkey"], &info["login_key"]["x25519"], &info["login_key"]["ml_kem_768"]] {
        public.push(half.as_str().unwrap().to_owned());
    }
    for path in files(&world.keys_dir()) {
        let text = std::fs::read_to_string(&path).unwrap();
        for half in &public {
            assert!(!text.contains(half.as_str()), "{}", path.display());
        }
    }
}

#[tokio::test]
async fn the_database_alone_does_not_reveal_secrets() {
    let world = World::new().await;
    let invitation = world.invitation(None).await;
    let setup = world.client.setup_link(NoInput {}).await.unwrap().code.unwrap();
    let welcome = world.enroll(&invitation, Some("alice"), PASSWORD, &IdentityKey::random()).await.unwrap();
    let tokens = &welcome.payload.tokens;
    let secrets: [&[u8]; 6] = [
        PASSWORD.as_bytes(),
        invitation.code.expose().as_bytes(),
        setup.expose().as_bytes(),
        tokens.access_token.expose().as_bytes(),
        tokens.refresh_token.expose().as_bytes(),
        welcome.export.expose(),
    ];
    world.store.close().await;
    for path in files(world.dir.path()).into_iter().filter(|path| path.to_string_lossy().contains("identity.db")) {
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.windows(5).any(|window| window == b"alice"), "the account is not in {}", path.display());
        for secret in secrets {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", path.display());
        }
    }
}
