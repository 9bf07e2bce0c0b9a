//! Refresh, authorisation, logout.

use crate::support::world::{PASSWORD, Welcome, World};
use std::sync::atomic::Ordering;
use tornado_contracts::auth::{AccessToken, Auth as _, AuthError, Authorize, Grant, RefreshToken};
use tornado_contracts::token::{TokenError, TokenKind, Verifier};
use tornado_rpc::{NoInput, ServiceError as _};
use tornado_shared::api::Tokens;
use tornado_shared::crypto::encoding::Bytes;
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::model::{CloseReason, PrivateKey, PublicKey, Secret};

impl World {
    async fn refresh_with(&self, tokens: &Tokens, key: Option<u8>) -> Result<Tokens, AuthError> {
        let idempotency_key = key.map(|number| Bytes([number; 16]));
        self.client.refresh(RefreshToken { refresh_token: tokens.refresh_token.clone(), idempotency_key }).await
    }

    async fn refresh(&self, tokens: &Tokens) -> Result<Tokens, AuthError> {
        self.refresh_with(tokens, None).await
    }

    async fn logout(&self, tokens: &Tokens) -> Result<(), AuthError> {
        let refresh_token = tokens.refresh_token.clone();
        self.client.logout(RefreshToken { refresh_token, idempotency_key: None }).await.map(|_| ())
    }

    async fn authorize(&self, tokens: &Tokens, public_key: PublicKey) -> Result<Grant, AuthError> {
        self.client
            .authorize(Authorize { access_token: tokens.access_token.clone(), public_key, exported: false })
            .await
    }

    async fn alice(&self) -> Welcome {
        self.account("alice", None, 3).await;
        self.login("alice", PASSWORD, &IdentityKey::random()).await.unwrap()
    }
}

fn key() -> PublicKey {
    PrivateKey::random().public_key()
}

#[tokio::test]
async fn tokens_verify_with_the_published_keys_and_expire() {
    let world = World::new().await;
    let tokens = world.alice().await.payload.tokens;
    let keys = world.client.verifying_keys(NoInput {}).await.unwrap();
    let verifier = Verifier::new(&keys, TokenKind::Access);
    let claims = verifier.verify(tokens.access_token.expose(), world.now()).unwrap();
    assert_eq!((claims.exp - claims.iat, tokens.expires_in), (900, 900));
    world.pass(906);
    assert_eq!(world.authorize(&tokens, key()).await.unwrap_err(), AuthError::Token(TokenError::Expired));
    let fresh = world.refresh(&tokens).await.unwrap();
    assert!(world.authorize(&fresh, key()).await.is_ok());
    let rubbish = Tokens { access_token: Secret::new("rubbish"), ..fresh };
    assert_eq!(world.authorize(&rubbish, key()).await.unwrap_err(), AuthError::Token(TokenError::Invalid));
}

#[tokio::test]
async fn a_refresh_with_a_lost_response_can_be_repeated() {
    let world = World::new().await;
    let first = world.alice().await.payload.tokens;
    let lost = world.refresh_with(&first, Some(1)).await.unwrap();
    let repeated = world.refresh_with(&first, Some(1)).await.unwrap();
    assert!(world.authorize(&repeated, key()).await.is_ok());
    let next = world.refresh_with(&repeated, Some(2)).await.unwrap();
    // The lost pair is worthless: its use indicates theft.
    assert_eq!(world.refresh_with(&lost, Some(1)).await.unwrap_err(), AuthError::RefreshReused);
    assert!(world.authorize(&next, key()).await.is_err());
}

/// The device timed out and retried; the server completed the second request before the first.
#[tokio::test]
async fn any_response_of_a_repeated_refresh_is_valid() {
    for number in 0..2_usize {
        let world = World::new().await;
        let first = world.alice().await.payload.tokens;
        let answers =
            [world.refresh_with(&first, Some(1)).await.unwrap(), world.refresh_with(&first, Some(1)).await.unwrap()];
        let next = world.refresh_with(&answers[number], Some(2)).await.unwrap();
        assert!(world.authorize(&next, key()).await.is_ok());
        let other = world.refresh_with(&first, [Some(3), None][number]).await.unwrap_err();
        assert_eq!(other, AuthError::RefreshReused, "another idempotency key, or none, means another holder");
        assert!(world.authorize(&next, key()).await.is_err(), "reuse ends the login");
    }
}

#[tokio::test]
async fn after_a_restore_newer_tokens_work_and_spent_ones_do_not() {
    let world = World::new().await;
    let first = world.alice().await.payload.tokens;
    world.pass(60);
    let copy = world.dir.path().join("copy.db");
    tornado_store::snapshot_sqlite(&world.dir.path().join("identity.db"), &copy).await.unwrap();
    let taken_at = world.now();
    world.pass(60);
    let spent = world.refresh(&first).await.unwrap();
    world.pass(60);
    let newest = world.refresh(&spent).await.unwrap();
    world.pass(60);
    let restore = || {
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(world.dir.path().join(format!("identity.db{end}")));
        }
        std::fs::copy(&copy, world.dir.path().join("identity.db")).unwrap();
    };
    world.store.close().await;
    restore();
    let restored_at = world.now();
    tornado_auth::Restored { taken_at, restored_at }.write(world.dir.path()).unwrap();
    let world = world.restart().await;
    world.pass(5);
    let next = world.refresh(&newest).await.unwrap();
    assert!(world.authorize(&next, key()).await.is_ok());
    // A stolen token from the same period counts as reused.
    assert_eq!(world.refresh(&spent).await.unwrap_err(), AuthError::RefreshReused);
    assert!(world.refresh(&next).await.is_err());
}

#[tokio::test]
async fn a_login_lasts_while_it_is_refreshed_within_seven_days() {
    let world = World::new().await;
    let mut tokens = world.alice().await.payload.tokens;
    for _ in 0..5 {
        world.pass(6 * 86_400);
        world.service.upkeep().await;
        tokens = world.refresh(&tokens).await.unwrap();
    }
    world.pass(7 * 86_400 + 6);
    assert_eq!(world.refresh(&tokens).await.unwrap_err(), AuthError::RefreshExpired);
}

#[tokio::test]
async fn reuse_of_a_refresh_token_ends_login_and_session() {
    let world = World::new().await;
    let welcome = world.alice().await;
    let first = welcome.payload.tokens.clone();
    let second = world.refresh(&first).await.unwrap();
    assert_eq!(world.refresh(&first).await.unwrap_err(), AuthError::RefreshReused);
    assert_eq!(world.sessions.closed(), [(welcome.payload.device_id, CloseReason::Revoked)]);
    assert_eq!(world.refresh(&second).await.unwrap_err(), AuthError::RefreshReused);
    assert_eq!(world.authorize(&second, key()).await.unwrap_err(), AuthError::Revoked);
}

#[tokio::test]
async fn of_parallel_refreshes_at_most_one_succeeds() {
    let world = World::new().await;
    let tokens = world.alice().await.payload.tokens;
    let results = futures::future::join_all((0..8).map(|_| world.refresh(&tokens))).await;
    let good: Vec<_> = results.into_iter().filter_map(Result::ok).collect();
    assert_eq!(good.len(), 1);
    assert_eq!(world.refresh(&good[0]).await.unwrap_err(), AuthError::RefreshReused);
}

#[tokio::test]
async fn a_session_that_could_not_be_closed_is_closed_later() {
    let world = World::new().await;
    let welcome = world.alice().await;
    let first = welcome.payload.tokens.clone();
    world.refresh(&first).await.unwrap();
    let device = welcome.payload.device_id;
    world.sessions.live.lock().unwrap().push((welcome.payload.user.id, device));
    world.service.settle_sessions().await;
    world.sessions.silent.store(true, Ordering::SeqCst);
    assert_eq!(world.refresh(&first).await.unwrap_err(), AuthError::RefreshReused);
    world.service.settle_sessions().await;
    assert_eq!(world.sessions.closed(), []);
    world.sessions.silent.store(false, Ordering::SeqCst);
    world.service.settle_sessions().await;
    assert_eq!(world.sessions.closed(), [(device, CloseReason::Revoked)]);
    world.service.settle_sessions().await;
    assert_eq!(world.sessions.closed().len(), 1, "once settled, no close is repeated");
}

#[tokio::test]
async fn a_close_lost_in_a_crash_is_done_at_the_next_start() {
    let world = World::new().await;
    let welcome = world.alice().await.payload;
    let phone = world.login("alice", PASSWORD, &IdentityKey::random()).await.unwrap().payload;
    let tablet = world.login("alice", PASSWORD, &IdentityKey::random()).await.unwrap().payload;
    world.sessions.silent.store(true, Ordering::SeqCst);
    world.logout(&welcome.tokens).await.unwrap_err();
    world.remove_device(phone.device_id).await;
    let world = world.restart().await;
    let devices = [welcome.device_id, phone.device_id, tablet.device_id];
    world.sessions.live.lock().unwrap().extend(devices.map(|device| (welcome.user.id, device)));
    world.service.settle_sessions().await;
    let expected = [(welcome.device_id, CloseReason::Logout), (phone.device_id, CloseReason::Revoked)];
    assert_eq!(world.sessions.closed(), expected, "the tablet is logged in and stays");
}

#[tokio::test]
async fn a_close_past_its_deadline_is_repeated() {
    let world = World::new().await;
    let welcome = world.alice().await.payload;
    world.service.settle_sessions().await;
    world.sessions.live.lock().unwrap().push((welcome.user.id, welcome.device_id));
    world.sessions.hangs.store(true, Ordering::SeqCst);
    let refresh_token = welcome.tokens.refresh_token.clone();
    let logout = world.service.logout(RefreshToken { refresh_token, idempotency_key: None });
    let requested = world.sessions.close_requested.notified();
    tokio::select! {
        result = logout => panic!("a hanging close returned: {result:?}"),
        () = requested => {}
    }
    world.sessions.hangs.store(false, Ordering::SeqCst);
    world.service.settle_sessions().await;
    assert_eq!(world.sessions.closed(), [(welcome.device_id, CloseReason::Logout)]);
}

#[tokio::test]
async fn suspended_and_deleted_users_cannot_refresh_or_connect() {
    let world = World::new().await;
    let welcome = world.alice().await;
    let (user, tokens) = (welcome.payload.user.id, welcome.payload.tokens);
    world.set_active(user, false).await;
    assert_eq!(world.refresh(&tokens).await.unwrap_err(), AuthError::UserInactive);
    assert_eq!(world.authorize(&tokens, key()).await.unwrap_err(), AuthError::UserInactive);
    world.set_active(user, true).await;
    assert_eq!(world.refresh(&tokens).await.unwrap_err(), AuthError::Revoked);
    let tokens = world.login("alice", PASSWORD, &IdentityKey::random()).await.unwrap().payload.tokens;
    world.delete_user(user).await;
    assert_eq!(world.refresh(&tokens).await.unwrap_err(), AuthError::UserInactive);
    assert_eq!(world.authorize(&tokens, key()).await.unwrap_err(), AuthError::UserInactive);
}

#[tokio::test]
async fn an_access_token_ends_with_login_and_device() {
    let world = World::new().await;
    let welcome = world.alice().await;
    let tokens = welcome.payload.tokens;
    assert!(world.authorize(&tokens, key()).await.is_ok());
    world.logout(&tokens).await.unwrap();
    assert_eq!(world.authorize(&tokens, key()).await.unwrap_err(), AuthError::Revoked);
    let again = world.login("alice", PASSWORD, &IdentityKey::random()).await.unwrap().payload;
    world.remove_device(again.device_id).await;
    assert_eq!(world.authorize(&again.tokens, key()).await.unwrap_err(), AuthError::Revoked);
    assert_eq!(world.refresh(&again.tokens).await.unwrap_err(), AuthError::Revoked);
}

#[tokio::test]
async fn a_wireguard_key_belongs_to_one_device() {
    let world = World::new().await;
    let alice = world.alice().await.payload.tokens;
    world.account("mallory", None, 3).await;
    let mallory = world.login("mallory", PASSWORD, &IdentityKey::random()).await.unwrap().payload.tokens;
    let (first, second) = (key(), key());
    world.authorize(&alice, first).await.unwrap();
    world.authorize(&alice, first).await.unwrap();
    assert_eq!(world.authorize(&mallory, first).await.unwrap_err(), AuthError::KeyInUse);
    world.authorize(&alice, second).await.unwrap();
    world.authorize(&mallory, first).await.unwrap();
}

#[tokio::test]
async fn logging_out_closes_the_session_and_can_be_repeated() {
    let world = World::new().await;
    let welcome = world.alice().await;
    let tokens = welcome.payload.tokens;
    world.sessions.silent.store(true, Ordering::SeqCst);
    assert_eq!(world.logout(&tokens).await.unwrap_err().code(), "unavailable");
    assert_eq!(world.authorize(&tokens, key()).await.unwrap_err(), AuthError::Revoked);
    world.sessions.silent.store(false, Ordering::SeqCst);
    world.logout(&tokens).await.unwrap();
    assert_eq!(world.sessions.closed(), [(welcome.payload.device_id, CloseReason::Logout)]);
    assert_eq!(world.refresh(&tokens).await.unwrap_err(), AuthError::Revoked);
    let rubbish = Tokens { refresh_token: Secret::new("rubbish"), ..tokens };
    assert_eq!(world.logout(&rubbish).await.unwrap_err(), AuthError::RefreshInvalid);
}

#[tokio::test]
async fn an_old_login_does_not_close_the_session_of_a_newer_one() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    let device = IdentityKey::random();
    let old = world.login("alice", PASSWORD, &device).await.unwrap().payload.tokens;
    let new = world.login("alice", PASSWORD, &device).await.unwrap().payload.tokens;
    assert_eq!(world.refresh(&old).await.unwrap_err(), AuthError::Revoked);
    world.logout(&old).await.unwrap();
    assert_eq!(world.sessions.closed(), []);
    assert!(world.authorize(&new, key()).await.is_ok());
}

#[tokio::test]
async fn whoami_returns_account_and_device() {
    let world = World::new().await;
    let welcome = world.alice().await;
    let access_token = welcome.payload.tokens.access_token.clone();
    let profile = world.client.whoami(AccessToken { access_token }).await.unwrap();
    assert_eq!(profile.user, welcome.payload.user);
    assert_eq!((profile.device_name.as_str(), profile.max_devices), ("laptop", 3));
    let access_token = welcome.payload.tokens.refresh_token;
    let refused = world.client.whoami(AccessToken { access_token }).await.unwrap_err();
    assert_eq!(refused.code(), "invalid_token");
}
