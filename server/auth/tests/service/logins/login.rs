//! Login: both envelope versions, replays, devices, namespaces.

use crate::support::world::{PASSWORD, World, credentials};
use std::sync::atomic::Ordering;
use tornado_contracts::auth::Auth as _;
use tornado_contracts::auth::{AuthError, Authorize};
use tornado_rpc::ServiceError as _;
use tornado_shared::api::{LoginBody, LoginReply};
use tornado_shared::crypto::encoding::Blob;
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::crypto::v2::Purpose;
use tornado_shared::model::{Lane, PrivateKey, UserId};
use tornado_store::identity::UserKey;

#[tokio::test]
async fn a_v2_login_yields_the_same_preshared_keys_on_both_sides() {
    let world = World::new().await;
    let user = world.account("alice", None, 3).await;
    let device = IdentityKey::random();
    let welcome = world.login("Alice", PASSWORD, &device).await.unwrap();
    assert_eq!(welcome.payload.user.id, user);
    let key = PrivateKey::random().public_key();
    let access_token = welcome.payload.tokens.access_token.clone();
    let grant = world.client.authorize(Authorize { access_token, public_key: key, exported: false }).await.unwrap();
    assert_eq!((grant.user_id, grant.device_id, grant.max_devices), (user, welcome.payload.device_id, 3));
    let preshared = grant.preshared_keys.unwrap();
    assert_eq!(preshared.direct, welcome.export.preshared_key(Lane::Direct, &key));
    assert_eq!(preshared.tor, welcome.export.preshared_key(Lane::Tor, &key));
}

#[tokio::test]
async fn a_v1_login_gets_the_originals_fields_only() {
    let world = World::new().await;
    world.account("alice", Some("Alice@Example.org"), 1).await;
    let reply = world.login_v1("alice", PASSWORD).await.unwrap();
    let json = serde_json::to_value(&reply).unwrap();
    assert_eq!(json["status"], "ok");
    assert_eq!(json["user"]["username"], "alice");
    assert_eq!(json["user"]["email"], "alice@example.org");
    assert_eq!(json["user"]["is_active"], true);
    for field in ["access_token", "refresh_token", "access_jti", "refresh_jti"] {
        assert!(json["tokens"][field].is_string(), "{field}");
    }
    let public_key = PrivateKey::random().public_key();
    let access_token = reply.tokens.access_token.clone();
    assert!(
        world
            .client
            .authorize(Authorize { access_token, public_key, exported: false })
            .await
            .unwrap()
            .preshared_keys
            .is_none()
    );
}

#[tokio::test]
async fn an_envelope_is_accepted_once_even_after_a_restart() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    let v1 = world.seal_v1("alice", PASSWORD).await;
    let (v2, _) = world.seal(Purpose::Login, &credentials("alice", PASSWORD, &IdentityKey::random())).await;
    let bodies = [LoginBody::V1(v1.clone()), LoginBody::V2(Box::new(v2))];
    for body in &bodies {
        assert!(world.post(Purpose::Login, body.clone(), "192.0.2.1").await.is_ok());
        assert_eq!(
            world.post(Purpose::Login, body.clone(), "192.0.2.2").await.unwrap_err(),
            AuthError::InvalidEnvelope
        );
    }
    let world = world.restart().await;
    for body in &bodies {
        assert_eq!(
            world.post(Purpose::Login, body.clone(), "192.0.2.2").await.unwrap_err(),
            AuthError::InvalidEnvelope
        );
    }
    world.pass(20 * 86_400);
    world.service.upkeep().await;
    assert_eq!(
        world.post(Purpose::Login, bodies[0].clone(), "192.0.2.2").await.unwrap_err(),
        AuthError::InvalidEnvelope
    );
    // The curve ignores the top bit: another encoding of the same key.
    let mut respelled = v1;
    let mut key = respelled.ephemeral_pubkey.0.clone();
    key[31] ^= 0x80;
    respelled.ephemeral_pubkey = Blob(key);
    let refused = world.post(Purpose::Login, LoginBody::V1(respelled), "192.0.2.3").await;
    assert_eq!(refused.unwrap_err(), AuthError::InvalidEnvelope);
}

#[tokio::test]
async fn the_envelope_is_spent_before_the_password_is_checked() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    let body = LoginBody::V1(world.seal_v1("alice", "wrong password").await);
    let first = world.post(Purpose::Login, body.clone(), "192.0.2.1").await;
    assert_eq!(first.unwrap_err(), AuthError::InvalidCredentials);
    assert_eq!(world.post(Purpose::Login, body, "192.0.2.1").await.unwrap_err(), AuthError::InvalidEnvelope);
}

#[tokio::test]
async fn a_wrong_clock_and_an_unknown_key_are_reported() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    let payload = credentials("alice", PASSWORD, &IdentityKey::random());
    let (envelope, _) = world.seal(Purpose::Login, &payload).await;
    let body = LoginBody::V2(Box::new(envelope));
    world.pass(121);
    let late = world.post(Purpose::Login, body.clone(), "192.0.2.1").await.unwrap_err();
    assert_eq!(late, AuthError::ClockSkew { skew_seconds: 121 });
    world.pass(-300);
    let early = world.post(Purpose::Login, body.clone(), "192.0.2.1").await.unwrap_err();
    assert_eq!(early, AuthError::ClockSkew { skew_seconds: -179 });
    let other = World::new().await;
    assert_eq!(other.post(Purpose::Login, body, "192.0.2.1").await.unwrap_err(), AuthError::UnknownLoginKey);
}

#[tokio::test]
async fn a_login_envelope_does_not_enrol() {
    let world = World::new().await;
    let (envelope, _) = world.seal(Purpose::Login, &credentials("alice", PASSWORD, &IdentityKey::random())).await;
    let swapped = world.post(Purpose::Enroll, LoginBody::V2(Box::new(envelope)), "192.0.2.1").await;
    assert_eq!(swapped.unwrap_err(), AuthError::InvalidEnvelope);
    let v1 = LoginBody::V1(world.seal_v1("alice", PASSWORD).await);
    assert!(matches!(world.post(Purpose::Enroll, v1, "192.0.2.1").await, Err(AuthError::InvalidFields(_))));
    for payload in [
        serde_json::json!([]),
        serde_json::json!({ "username_or_email": "alice" }),
        serde_json::json!({ "username_or_email": "alice", "password": 5, "device_key": "", "device_name": "x" }),
    ] {
        let error = world.exchange(Purpose::Login, &payload, "192.0.2.2").await.unwrap_err();
        assert_eq!(error.code(), "invalid_fields");
    }
    let mut weak = credentials("alice", PASSWORD, &IdentityKey::random());
    for key in ["AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "short", "", "!"] {
        weak["device_key"] = key.into();
        assert_eq!(world.exchange(Purpose::Login, &weak, "192.0.2.1").await.unwrap_err().code(), "invalid_fields");
    }
}

#[tokio::test]
async fn a_device_is_the_same_device_at_every_login() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    let (laptop, phone) = (IdentityKey::random(), IdentityKey::random());
    let first = world.login("alice", PASSWORD, &laptop).await.unwrap().payload.device_id;
    let other = world.login("alice", PASSWORD, &phone).await.unwrap().payload.device_id;
    let again = world.login("alice", PASSWORD, &laptop).await.unwrap().payload.device_id;
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[tokio::test]
async fn devices_of_an_account_are_bounded() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    for _ in 0..50 {
        world.login("alice", PASSWORD, &IdentityKey::random()).await.unwrap();
    }
    assert_eq!(world.login("alice", PASSWORD, &IdentityKey::random()).await.unwrap_err(), AuthError::MaxDevices);
}

#[tokio::test]
async fn a_v1_user_who_lost_the_token_logs_in_again() {
    let world = World::new().await;
    let user = world.account("alice", None, 1).await;
    let first = world.login_v1("alice", PASSWORD).await.unwrap().device_id;
    let second = world.login_v1("alice", PASSWORD).await.unwrap().device_id;
    assert_eq!(first, second);
    world.sessions.live.lock().unwrap().push((user, first));
    assert_eq!(world.login_v1("alice", PASSWORD).await.unwrap_err(), AuthError::MaxDevices);
    world.sessions.live.lock().unwrap().clear();
    assert_eq!(world.login_v1("alice", PASSWORD).await.unwrap().device_id, first);
}

#[tokio::test]
async fn two_v1_machines_of_one_account_are_two_devices() {
    let world = World::new().await;
    let user = world.account("alice", None, 2).await;
    let first = world.login_v1("alice", PASSWORD).await.unwrap().device_id;
    let second = world.login_v1("alice", PASSWORD).await.unwrap().device_id;
    assert_ne!(first, second);
    world.sessions.live.lock().unwrap().extend([(user, first), (UserId::random(), second)]);
    assert_eq!(world.login_v1("alice", PASSWORD).await.unwrap().device_id, second);
}

#[tokio::test]
async fn a_v1_login_needs_session_and_a_v2_login_does_not() {
    let world = World::new().await;
    world.account("alice", None, 2).await;
    world.sessions.silent.store(true, Ordering::SeqCst);
    assert_eq!(world.login_v1("alice", PASSWORD).await.unwrap_err().code(), "unavailable");
    assert!(world.login("alice", PASSWORD, &IdentityKey::random()).await.is_ok());
}

#[tokio::test]
async fn names_and_addresses_cannot_collide() {
    let world = World::new().await;
    let alice = world.account("alice", Some("bob@example.org"), 3).await;
    let bob = world.account("bob", None, 3).await;
    let device = IdentityKey::random();
    assert_eq!(world.login("bob", PASSWORD, &device).await.unwrap().payload.user.id, bob);
    assert_eq!(world.login("BOB@example.org ", PASSWORD, &device).await.unwrap().payload.user.id, alice);
    assert_eq!(world.login("alice@example.org", PASSWORD, &device).await.unwrap_err(), AuthError::InvalidCredentials);
}

#[tokio::test]
async fn the_time_of_the_latest_login_is_stored() {
    let world = World::new().await;
    let user = world.account("alice", None, 3).await;
    world.pass(77);
    world.login("alice", PASSWORD, &IdentityKey::random()).await.unwrap();
    let row = world.store.find_user(UserKey::Id(user)).await.unwrap().unwrap();
    assert_eq!(row.last_login_at, Some(world.now()));
}

#[tokio::test]
async fn suspended_and_deleted_accounts_do_not_get_in() {
    let world = World::new().await;
    let user = world.account("alice", None, 3).await;
    world.set_active(user, false).await;
    assert_eq!(world.login("alice", PASSWORD, &IdentityKey::random()).await.unwrap_err(), AuthError::UserInactive);
    let wrong = world.login("alice", "wrong password", &IdentityKey::random()).await;
    assert_eq!(wrong.unwrap_err(), AuthError::InvalidCredentials);
    world.delete_user(user).await;
    assert_eq!(
        world.login("alice", PASSWORD, &IdentityKey::random()).await.unwrap_err(),
        AuthError::InvalidCredentials
    );
}

#[tokio::test]
async fn twenty_devices_behind_one_address_log_in_at_once() {
    let world = World::new().await;
    for i in 0..20 {
        world.account(&format!("user{i}"), None, 3).await;
    }
    let names: Vec<_> = (0..20).map(|i| format!("user{i}")).collect();
    let devices: Vec<_> = (0..20).map(|_| IdentityKey::random()).collect();
    let logins = names.iter().zip(&devices).map(|(name, device)| world.login(name, PASSWORD, device));
    for result in futures::future::join_all(logins).await {
        result.unwrap();
    }
    let LoginReply::V1(_) =
        world.post(Purpose::Login, LoginBody::V1(world.seal_v1("user3", PASSWORD).await), "192.0.2.1").await.unwrap()
    else {
        panic!("a v1 envelope got a v2 reply")
    };
}

#[tokio::test]
async fn a_password_is_rehashed_when_the_cost_has_changed() {
    let argon2 = tornado_auth::Argon2Cost { memory_kib: 96, passes: 1, lanes: 1 };
    let world = World::with(tornado_auth::Config { argon2, ..crate::support::world::config() }).await;
    let user = world.account("alice", None, 3).await;
    world.login("alice", PASSWORD, &IdentityKey::random()).await.unwrap();
    let row = world.store.find_user(UserKey::Id(user)).await.unwrap().unwrap();
    assert!(row.password_hash.starts_with("$argon2id$v=19$m=96,"));
    world.login("alice", PASSWORD, &IdentityKey::random()).await.unwrap();
}

#[tokio::test]
async fn logins_beyond_the_queue_get_a_retry_time() {
    let config = tornado_auth::Config {
        argon2: tornado_auth::Argon2Cost::default(),
        hash_workers: 1,
        hash_queue: 1,
        ..crate::support::world::config()
    };
    let world = World::with(config).await;
    let mut bodies = Vec::new();
    for n in 0..12 {
        bodies.push(LoginBody::V1(world.seal_v1(&format!("nobody{n}"), PASSWORD).await));
    }
    let logins = bodies.into_iter().map(|body| world.post(Purpose::Login, body, "192.0.2.1"));
    let results = futures::future::join_all(logins).await;
    let busy = results.iter().filter(|result| matches!(result, Err(AuthError::Busy { retry_after: 3 }))).count();
    assert!(busy >= 5, "{busy} of 12 were rejected as busy");
    let mut db = world.store.database().reader().await.unwrap();
    let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM spent_envelopes").fetch_one(&mut *db).await.unwrap();
    assert_eq!(usize::try_from(rows).unwrap() + busy, 12, "a rejected login writes no row");
}
