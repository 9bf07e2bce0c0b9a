//! Guessing of passwords and codes.

use crate::support::world::{PASSWORD, World, credentials};
use tornado_contracts::auth::AuthError;
use tornado_rpc::ServiceError as _;
use tornado_shared::api::LoginBody;
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
async fn a_guessing_address_is_blocked_with_a_retry_time() {
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
async fn existing_and_unknown_names_are_slowed_down_alike() {
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

/// Covers the whole login, so it fails if the login skips the hash for names that do not exist.
#[tokio::test]
async fn a_login_with_an_unknown_name_costs_a_hash() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    let mut costs = Vec::new();
    for name in ["alice", "nobody", "nobody@example.org"] {
        let before = world.service.hashes();
        assert_eq!(world.guess(name, "192.0.2.1").await, AuthError::InvalidCredentials);
        costs.push(world.service.hashes() - before);
    }
    assert_eq!(costs, [1; 3]);
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

/// Counters do not depend on whether the account exists, nor on the spelling or the e-mail address.
#[tokio::test]
async fn slowing_down_tells_no_name_by_its_spelling() {
    let world = World::new().await;
    world.account("alice", Some("alice@example.org"), 3).await;
    let spellings = ["NAME", " NAME", "NAME ", "Name", "\tNAME\n", "NAME"];
    let mut seen = Vec::new();
    for name in ["alice", "nobody"] {
        let mut answers = Vec::new();
        for (i, spelling) in spellings.iter().enumerate() {
            let typed = spelling.replace("NAME", name).replace("Name", &name.to_uppercase());
            answers.push(world.guess(&typed, &format!("198.51.100.{i}")).await);
        }
        for i in 0..3 {
            answers.push(world.guess(&format!("{name}@example.org"), &format!("203.0.113.{i}")).await);
        }
        seen.push(answers);
        world.pass(1000);
    }
    assert_eq!(seen[0][5], AuthError::TooManyAttempts { retry_after: 1 });
    assert_eq!(seen[0], seen[1]);
}

async fn rows(world: &World) -> i64 {
    let mut db = world.store.database().reader().await.unwrap();
    sqlx::query_scalar("SELECT COUNT(*) FROM spent_envelopes").fetch_one(&mut *db).await.unwrap()
}

/// A row of a version 1 envelope is stored as long as its login key lives.
#[tokio::test]
async fn an_attempt_that_is_refused_or_unreadable_writes_nothing() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    for i in 0..5 {
        world.guess("alice", &format!("198.51.100.{i}")).await;
    }
    let before = rows(&world).await;
    assert_eq!(before, 5);
    for i in 0..5 {
        let refused = world.guess("alice", &format!("203.0.113.{i}")).await;
        assert_eq!(refused, AuthError::TooManyAttempts { retry_after: 1 }, "slowed down");
        let body = LoginBody::V1(world.seal_v1("alice", PASSWORD).await);
        let refused = world.post(Purpose::Login, body, &format!("203.0.113.{i}")).await;
        assert_eq!(refused.unwrap_err().code(), "too_many_attempts");
    }
    for _ in 0..5 {
        let error = world.exchange(Purpose::Login, &serde_json::json!({}), "203.0.113.9").await.unwrap_err();
        assert_eq!(error.code(), "invalid_fields");
    }
    assert_eq!(world.guess("bob", "203.0.113.9").await, AuthError::TooManyAttempts { retry_after: 900 }, "blocked");
    assert_eq!(rows(&world).await, before);
}

#[tokio::test]
async fn strangers_do_not_slow_down_who_was_logged_in_before() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    let device = IdentityKey::random();
    world.login("alice", PASSWORD, &device).await.unwrap();
    let world = world.restart().await;
    for i in 0..6 {
        world.guess("alice", &format!("198.51.100.{i}")).await;
    }
    let stranger = credentials("alice", PASSWORD, &IdentityKey::random());
    let refused = world.exchange(Purpose::Login, &stranger, "203.0.113.1").await.unwrap_err();
    assert_eq!(refused, AuthError::TooManyAttempts { retry_after: 1 });
    let known = credentials("alice", PASSWORD, &device);
    world.exchange(Purpose::Login, &known, "203.0.113.1").await.unwrap();
    // From here on the address is known too, for every device behind it.
    for i in 0..12 {
        world.guess("alice", &format!("198.51.100.1{i}")).await;
    }
    world.exchange(Purpose::Login, &stranger, "203.0.113.1").await.unwrap();
    // A device of another account is not trusted here.
    world.account("mallory", None, 3).await;
    world.login("mallory", PASSWORD, &device).await.unwrap();
}
