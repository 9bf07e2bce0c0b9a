//! Key rotation: under load, interrupted at every step, on schedule.

use crate::support::world::{NOW, PASSWORD, World, config, files};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tornado_auth::keys::ring::Step;
use tornado_auth::keys::rotation::Schedule;
use tornado_auth::keys::{self, Keys, KeysError, check};
use tornado_contracts::auth::keys::{KeyPhase, KeyRing as _, KeyRingClient, KeyStatus, KeyUse};
use tornado_contracts::auth::{Acting, Auth as _, Authorize, RefreshToken};
use tornado_contracts::token::{TokenKind, Verifier};
use tornado_rpc::NoInput;
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::model::PrivateKey;

const USES: [KeyUse; 4] = [KeyUse::Access, KeyUse::Refresh, KeyUse::LoginV1, KeyUse::LoginV2];

impl World {
    pub fn ring(&self) -> KeyRingClient {
        KeyRingClient::new(self.channel())
    }

    async fn rotate(&self) -> KeyStatus {
        self.ring().rotate_keys(Acting::root(NoInput {})).await.unwrap()
    }

    async fn problems(&self) -> Vec<String> {
        self.ring().check_keys(Acting::root(NoInput {})).await.unwrap().problems
    }
}

fn count(status: &KeyStatus, usage: KeyUse, phase: KeyPhase) -> usize {
    status.keys.iter().filter(|key| (key.usage, key.phase) == (usage, phase)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_rotations_in_a_row_end_no_login() {
    let world = World::new().await;
    let mut devices = Vec::new();
    for i in 0..20 {
        world.account(&format!("user{i}"), None, 5).await;
        for _ in 0..5 {
            let welcome = world.login(&format!("user{i}"), PASSWORD, &IdentityKey::random()).await.unwrap();
            devices.push(welcome.payload.tokens);
        }
    }
    // Keys that service `session` has: fetched once before, and once while the new keys are pending.
    let mut failed = 0;
    for round in 0..4 {
        let keys = world.client.verifying_keys(NoInput {}).await.unwrap();
        let known = Verifier::new(&keys, TokenKind::Access);
        let refreshing = devices.iter().map(|tokens| {
            let refresh_token = tokens.refresh_token.clone();
            world.client.refresh(RefreshToken { refresh_token, idempotency_key: None })
        });
        let rotating = async {
            if round == 1 || round == 2 {
                world.rotate().await;
            }
        };
        let (fresh, ()) = futures::future::join(futures::future::join_all(refreshing), rotating).await;
        for (i, (tokens, fresh)) in devices.iter_mut().zip(fresh).enumerate() {
            let Ok(fresh) = fresh else {
                failed += 1;
                continue;
            };
            *tokens = fresh;
            failed += usize::from(known.verify(tokens.access_token.expose(), world.now()).is_err());
            if i % 10 != 0 {
                continue;
            }
            let grant = Authorize {
                access_token: tokens.access_token.clone(),
                public_key: PrivateKey::random().public_key(),
                exported: false,
            };
            failed += usize::from(world.client.authorize(grant).await.is_err());
        }
        world.pass(60);
    }
    assert_eq!((failed, devices.len()), (0, 100));
    let status = world.ring().key_status(Acting::root(NoInput {})).await.unwrap();
    for usage in USES {
        assert_eq!(count(&status, usage, KeyPhase::Current), 1);
        assert_eq!(count(&status, usage, KeyPhase::VerifyOnly), 2, "{usage:?}");
    }
    assert_eq!(world.problems().await, Vec::<String>::new());
}

#[tokio::test]
async fn keys_rotate_daily_and_outlive_their_tokens() {
    let world = World::new().await;
    world.account("alice", None, 5).await;
    let mut tokens = world.login("alice", PASSWORD, &IdentityKey::random()).await.unwrap().payload.tokens;
    for _ in 0..30 {
        world.pass(12 * 3600);
        world.service.upkeep().await;
        let refresh_token = tokens.refresh_token.clone();
        tokens = world.client.refresh(RefreshToken { refresh_token, idempotency_key: None }).await.unwrap();
        assert_eq!(world.problems().await, Vec::<String>::new());
        assert!(files(&world.keys_dir()).len() <= 20);
    }
    let status = world.ring().key_status(Acting::root(NoInput {})).await.unwrap();
    assert!(status.next_rotation.unwrap() > world.now() && !status.rotating);
    assert!(count(&status, KeyUse::Refresh, KeyPhase::VerifyOnly) >= 6);
    let actions = world.actions().await;
    assert!(actions.contains(&"service:auth keys.rotate done".to_owned()), "{actions:?}");
}

#[tokio::test]
async fn a_new_key_is_published_before_it_signs() {
    let world = World::new().await;
    world.account("alice", None, 5).await;
    let status = world.rotate().await;
    assert_eq!((count(&status, KeyUse::Access, KeyPhase::Next), status.lead), (1, 120));
    let kid = async || {
        let tokens = world.login("alice", PASSWORD, &IdentityKey::random()).await.unwrap().payload.tokens;
        let keys = world.client.verifying_keys(NoInput {}).await.unwrap();
        let opens = |key: &tornado_contracts::token::VerifyingKey| {
            Verifier::new(std::slice::from_ref(key), TokenKind::Access)
                .verify(tokens.access_token.expose(), world.now())
                .is_ok()
        };
        keys.iter().find(|key| opens(key)).unwrap().kid.clone()
    };
    let next = status.keys.iter().find(|key| key.phase == KeyPhase::Next && key.usage == KeyUse::Access).unwrap();
    assert_ne!(kid().await, next.id);
    world.pass(120);
    assert_eq!(kid().await, next.id);
}

fn crash(at: usize) -> impl FnMut(Step) -> Result<(), KeysError> {
    let mut steps = 0;
    move |_| {
        steps += 1;
        if steps > at { Err(KeysError::Missing("power")) } else { Ok(()) }
    }
}

fn of_each_use(keys: &Keys, schedule: &Schedule) -> [usize; 4] {
    let overview = keys.overview(NOW, schedule);
    USES.map(|usage| overview.iter().filter(|key| key.usage == usage).count())
}

fn fresh(dir: &Path, schedule: &Schedule) -> Keys {
    let dir = dir.join("keys");
    keys::create(&dir, NOW, schedule).unwrap();
    Keys::open(&dir, NOW, schedule).unwrap()
}

/// Paths, modes and contents of all files below a directory.
fn everything(dir: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for path in files(dir) {
        let metadata = std::fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            found.extend(everything(&path));
        } else {
            let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777;
            found.insert(path.clone(), (mode, std::fs::read(&path).unwrap()));
        }
    }
    found
}

/// The configuration lies beside the keys, readable by all services. A rotation must not write it, change its mode, or
/// write a secret outside the key directory.
#[test]
fn a_rotation_writes_only_key_files() {
    let schedule = Schedule::from(&config());
    let dir = tempfile::tempdir().unwrap();
    let keys = fresh(dir.path(), &schedule);
    let configuration = dir.path().join("tornado.toml");
    std::fs::write(&configuration, "[server]\nhost = 'vpn.example.org'\n").unwrap();
    std::fs::set_permissions(&configuration, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let before = everything(dir.path());
    for turn in 1..=3 {
        keys.rotate(NOW + turn * 3600, &schedule, &mut |_| Ok(())).unwrap();
        keys.advance(NOW + turn * 3600 + 600, &schedule, &mut |_| Ok(())).unwrap();
    }
    let after = everything(dir.path());
    assert_eq!(after.get(&configuration), before.get(&configuration), "content and mode are unchanged");
    let mut changed = 0;
    for (path, file) in &after {
        if before.get(path) == Some(file) {
            continue;
        }
        changed += 1;
        assert!(path.starts_with(dir.path().join("keys")), "{} was written", path.display());
        assert_eq!(file.0, 0o600, "{}", path.display());
    }
    assert!(changed > 0, "the rotations did nothing");
}

#[test]
fn an_interrupted_rotation_completes_at_the_next_start() {
    let schedule = Schedule::from(&config());
    let mut cut_off = 0;
    for at in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let keys = fresh(dir.path(), &schedule);
        if keys.rotate(NOW, &schedule, &mut crash(at)).is_ok() {
            break;
        }
        cut_off += 1;
        drop(keys);
        let again = Keys::open(&dir.path().join("keys"), NOW + 5, &schedule).unwrap();
        assert_eq!(of_each_use(&again, &schedule), [2; 4], "interrupted at step {at}");
        assert!(!again.is_rotating());
        assert!(!dir.path().join("keys/rotation.json").exists());
        assert_eq!(check(&again, NOW + 5, &schedule).unwrap().problems, Vec::<String>::new());
        // A later request starts a new rotation.
        again.rotate(NOW + 6, &schedule, &mut |_| Ok(())).unwrap();
        assert_eq!(of_each_use(&again, &schedule), [3; 4]);
    }
    assert_eq!(cut_off, 9, "every step was tried");
}

#[test]
fn a_failed_rotation_completes_without_a_restart() {
    let schedule = Schedule::from(&config());
    for at in 0..9 {
        let dir = tempfile::tempdir().unwrap();
        let keys = fresh(dir.path(), &schedule);
        keys.rotate(NOW, &schedule, &mut crash(at)).unwrap_err();
        let pending = keys.is_rotating();
        keys.advance(NOW + 1, &schedule, &mut |_| Ok(())).unwrap();
        assert!(!keys.is_rotating());
        let counts = of_each_use(&keys, &schedule);
        assert!(counts.iter().all(|count| (2..=3).contains(count)), "{counts:?} after step {at}, pending: {pending}");
        let reopened = Keys::open(&dir.path().join("keys"), NOW + 2, &schedule).unwrap();
        assert_eq!(check(&reopened, NOW + 2, &schedule).unwrap().problems, Vec::<String>::new());
    }
}

#[test]
fn the_check_finds_files_that_are_not_the_keys_in_use() {
    let schedule = Schedule::from(&config());
    let dir = tempfile::tempdir().unwrap();
    let keys = fresh(dir.path(), &schedule);
    assert_eq!(check(&keys, NOW, &schedule).unwrap().problems, Vec::<String>::new());
    let signing =
        files(&dir.path().join("keys")).into_iter().find(|path| path.display().to_string().contains("sign-access"));
    std::fs::remove_file(signing.unwrap()).unwrap();
    assert_eq!(check(&keys, NOW, &schedule).unwrap().problems.len(), 1);
    assert_eq!(check(&keys, NOW + 10 * 86_400, &schedule).unwrap().problems.len(), 3);
}
