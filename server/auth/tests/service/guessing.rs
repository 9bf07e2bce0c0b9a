//! Guessing passwords and codes.

use crate::world::{PASSWORD, World, credentials};
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
