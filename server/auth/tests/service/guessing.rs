//! Guessing passwords and codes.

use crate::world::{PASSWORD, World, config, credentials};
use std::time::{Duration, Instant};
use tornado_auth::{Argon2Cost, Config};
use tornado_mesh::ServiceError as _;
use tornado_mesh::auth::AuthError;
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::crypto::v2::Purpose;
use tornado_shared::invitation::Invitation;
use tornado_shared::model::Secret;

impl World {
    async fn guess(&self, name: &str, from: &str) -> AuthError {
        let payload = credentials(name, "wrong password", &IdentityKey::random());
        self.exchange(Purpose::Login, &payload, from).await.unwrap_err()
    }
}

#[tokio::test]
async fn defect_020_an_address_that_guesses_is_shut_out_and_told_for_how_long() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    for i in 0..5 {
        assert_eq!(world.guess(&format!("user{i}"), "192.0.2.9").await, AuthError::InvalidCredentials);
    }
    let refused = world.guess("alice", "192.0.2.9").await;
    assert_eq!(refused, AuthError::TooManyAttempts { retry_after: 900 });
    assert_eq!((refused.status(), refused.retry_after()), (429, Some(900)));
    let payload = credentials("alice", PASSWORD, &IdentityKey::random());
    assert!(world.exchange(Purpose::Login, &payload, "192.0.2.9").await.is_err());
    assert!(world.exchange(Purpose::Login, &payload, "192.0.2.10").await.is_ok());
    world.pass(901);
    assert!(world.exchange(Purpose::Login, &payload, "192.0.2.9").await.is_ok());
}

#[tokio::test]
async fn defect_019_an_account_is_slowed_for_names_that_exist_and_that_do_not() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    for name in ["alice", "nobody"] {
        for i in 0..5 {
            assert_eq!(world.guess(name, &format!("198.51.100.{i}")).await, AuthError::InvalidCredentials);
        }
        let slowed = world.guess(name, "203.0.113.1").await;
        assert_eq!(slowed, AuthError::TooManyAttempts { retry_after: 1 }, "{name}");
        world.pass(1);
        assert_eq!(world.guess(name, "203.0.113.1").await, AuthError::InvalidCredentials);
        world.pass(400);
    }
}

/// The whole login, not the hash alone: whoever leaves out the hash for names that do not exist is seen here.
#[tokio::test]
async fn defect_016_a_login_by_a_name_that_does_not_exist_costs_a_hash() {
    let argon2 = Argon2Cost { memory_kib: 32 * 1024, passes: 3, lanes: 1 };
    let hasher = tornado_auth::password::Hasher::new(argon2, 1, 1).unwrap();
    let world = World::with(Config { argon2, ..config() }).await;
    let (mut hash, mut login) = (Duration::MAX, Duration::MAX);
    for turn in 0..3 {
        let began = Instant::now();
        assert!(!hasher.verify(&Secret::new("wrong password"), None).await.unwrap());
        hash = hash.min(began.elapsed());
        let began = Instant::now();
        assert_eq!(world.guess("nobody", &format!("192.0.2.{turn}")).await, AuthError::InvalidCredentials);
        login = login.min(began.elapsed());
    }
    // Half of it, as a machine may be busy: the rest of a login is far less.
    assert!(login > hash / 2, "a login took {login:?}, a hash {hash:?}");
}

#[tokio::test]
async fn guessing_codes_counts_too() {
    let world = World::new().await;
    let real = world.invitation(None).await;
    for _ in 0..5 {
        let guess = Invitation { code: Secret::new("A".repeat(26)), ..real.clone() };
        let refused = world.enroll(&guess, Some("alice"), PASSWORD, &IdentityKey::random()).await;
        assert_eq!(refused.unwrap_err(), AuthError::InvalidInvitation);
    }
    let refused = world.enroll(&real, Some("alice"), PASSWORD, &IdentityKey::random()).await;
    assert_eq!(refused.unwrap_err(), AuthError::TooManyAttempts { retry_after: 900 });
}
