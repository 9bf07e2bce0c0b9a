//! Logins and sign-ins that are being verified while the stored password changes.

use crate::support::world::{PASSWORD, World, config, credentials};
use std::sync::Arc;
use tornado_auth::password::Hasher;
use tornado_auth::{Argon2Cost, Config};
use tornado_contracts::auth::operators::{Operators as _, SignIn};
use tornado_contracts::auth::{Auth as _, AuthError, PutOperator};
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::crypto::v2::Purpose;
use tornado_shared::model::{OperatorId, Secret};
use tornado_store::identity::{OperatorChange, RevokeReason, UserChange, UserKey};

/// Passes of the hash that keeps the only worker busy. On a loaded machine a short hash may end too early, and a long
/// one may keep the others waiting past their deadline. The tests detect both and retry with the next one.
const PASSES: [u32; 8] = [8, 20, 60, 120, 240, 500, 1000, 3000];

/// One worker, so that later logins wait for the hash of account `slow` with their stored hash already read.
async fn world(passes: u32) -> Arc<World> {
    let world = Arc::new(World::with(Config { hash_workers: 1, ..config() }).await);
    world.account("alice", None, 5).await;
    let slow = world.account("slow", None, 5).await;
    let dear = Hasher::new(Argon2Cost { memory_kib: 16_384, passes, lanes: 1 }, 1, 1).unwrap();
    let hash = dear.hash(&Secret::new(PASSWORD)).await.unwrap();
    let change = UserChange { password_hash: Some(hash), ..UserChange::default() };
    world.store.update_user(slow, &change, world.now(), &[]).await.unwrap();
    world
}

fn log_in(world: &Arc<World>, name: &'static str, from: &'static str) -> tokio::task::JoinHandle<Option<AuthError>> {
    let world = world.clone();
    tokio::spawn(async move {
        let payload = credentials(name, PASSWORD, &IdentityKey::random());
        world.exchange(Purpose::Login, &payload, from).await.err()
    })
}

/// Waits until this many envelopes are spent; the stored hash is read right after that.
async fn spent(world: &World, envelopes: i64) {
    loop {
        let mut db = world.store.database().reader().await.unwrap();
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM spent_envelopes").fetch_one(&mut *db).await.unwrap();
        if count >= envelopes {
            break;
        }
        tokio::task::yield_now().await;
    }
    for _ in 0..50 {
        world.store.find_user(UserKey::Email("nobody@example.org")).await.unwrap();
    }
}

#[tokio::test]
async fn a_login_in_flight_does_not_survive_a_new_password() {
    for passes in PASSES {
        if new_password_in_flight(passes).await {
            return;
        }
    }
    panic!("the worker was never busy long enough");
}

/// False: the worker was free too early, so some logins completed before the change.
async fn new_password_in_flight(passes: u32) -> bool {
    let world = world(passes).await;
    let first = log_in(&world, "slow", "192.0.2.1");
    spent(&world, 1).await;
    let logins = ["192.0.2.2", "192.0.2.3", "192.0.2.4"].map(|from| log_in(&world, "alice", from));
    spent(&world, 4).await;
    let alice = world.store.find_user(UserKey::Name(&"alice".parse().unwrap())).await.unwrap().unwrap();
    let hash = Hasher::new(config().argon2, 1, 1).unwrap().hash(&Secret::new("a new password")).await.unwrap();
    let end_logins = Some(RevokeReason::PasswordChanged);
    let change = UserChange { password_hash: Some(hash), end_logins, ..UserChange::default() };
    world.store.update_user(alice.id, &change, world.now(), &[]).await.unwrap();
    let mut refused = 0;
    for login in logins {
        refused += usize::from(login.await.unwrap() == Some(AuthError::InvalidCredentials));
    }
    first.await.unwrap();
    let devices = world.store.list_devices(alice.id, world.now()).await.unwrap();
    assert!(devices.iter().all(|device| !device.logged_in), "a login survived");
    world.login("alice", "a new password", &IdentityKey::random()).await.unwrap();
    refused == 3
}

/// The hash cost changed: the first login stores a hash with the new cost, the others were verified against the old
/// hash.
#[tokio::test]
async fn a_login_in_flight_survives_a_hash_at_another_cost() {
    let world = world(PASSES[0]).await;
    let first = log_in(&world, "slow", "192.0.2.1");
    spent(&world, 1).await;
    let login = log_in(&world, "alice", "192.0.2.2");
    spent(&world, 2).await;
    let alice = world.store.find_user(UserKey::Name(&"alice".parse().unwrap())).await.unwrap().unwrap();
    let other = Hasher::new(Argon2Cost { memory_kib: 128, passes: 1, lanes: 1 }, 1, 1).unwrap();
    let hash = other.hash(&Secret::new(PASSWORD)).await.unwrap();
    // False only if the login was already complete and stored its own hash.
    world.store.rehash_user(alice.id, &alice.password_hash, &hash).await.unwrap();
    assert_eq!(login.await.unwrap(), None);
    assert_eq!(first.await.unwrap(), None);
}

#[tokio::test]
async fn a_sign_in_in_flight_does_not_survive_a_new_password() {
    for passes in PASSES {
        if sign_in_in_flight(passes).await {
            return;
        }
    }
    panic!("the worker was never busy long enough");
}

/// False: the worker was free too early, so the sign-in completed before the change, or too late for its deadline.
async fn sign_in_in_flight(passes: u32) -> bool {
    let world = world(passes).await;
    let name: tornado_shared::model::Username = "ann".parse().unwrap();
    let put = PutOperator { name: name.clone(), password: Secret::new(PASSWORD) };
    world.client.put_operator(put).await.unwrap();
    let first = log_in(&world, "slow", "192.0.2.1");
    spent(&world, 1).await;
    let signing_in = {
        let (operators, name) = (world.operators(), name.clone());
        let client_ip = "192.0.2.2".parse().unwrap();
        let input = SignIn { name, password: Secret::new(PASSWORD), code: None, client_ip };
        tokio::spawn(async move { operators.sign_in(input).await.err() })
    };
    // The stored hash is read before the wait for the worker.
    for _ in 0..50 {
        world.store.find_user(UserKey::Email("nobody@example.org")).await.unwrap();
    }
    let hash = Hasher::new(config().argon2, 1, 1).unwrap().hash(&Secret::new("a new password")).await.unwrap();
    let change = OperatorChange {
        id: OperatorId::random(),
        name,
        password_hash: Some(hash),
        role: None,
        forget_totp: false,
        now: world.now(),
    };
    world.store.put_operator(&change, &world.act("operator.put")).await.unwrap();
    let refused = signing_in.await.unwrap();
    first.await.unwrap();
    assert_eq!(world.store.list_sign_ins(world.now()).await.unwrap(), [], "a sign-in survived");
    eprintln!("{passes} passes: {refused:?}");
    refused == Some(AuthError::InvalidCredentials)
}
