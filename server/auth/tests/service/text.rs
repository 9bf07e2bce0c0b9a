//! Passwords, names and addresses as typed.

use crate::support::world::{PASSWORD, World, config, credentials};
use tornado_auth::password::Hasher;
use tornado_contracts::auth::users::{CreateUser, UpdateUser, UserRef, Users as _};
use tornado_contracts::auth::{Acting, AuthError};
use tornado_rpc::ServiceError as _;
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::crypto::v2::Purpose;
use tornado_shared::model::Secret;
use tornado_store::identity::UserChange;

/// As typed on another keyboard: composed characters and an ordinary space.
const COMPOSED: &str = "Zo\u{eb}'s white horse";
/// Decomposed characters and a no-break space.
const DECOMPOSED: &str = "Zoe\u{308}'s\u{a0}white horse";

fn create(name: &str, email: Option<&str>, password: &str) -> Acting<CreateUser> {
    let (username, password) = (name.parse().unwrap(), Secret::new(password));
    Acting::root(CreateUser { username, email: email.map(str::to_owned), password, max_devices: 3 })
}

impl World {
    /// Stores a password as earlier versions or other servers did.
    async fn store_as_typed(&self, name: &str, password: &str) {
        let user = self.account(name, None, 5).await;
        let hasher = Hasher::new(config().argon2, 1, 1).unwrap();
        let hash = hasher.hash(&Secret::new(password)).await.unwrap();
        let change = UserChange { password_hash: Some(hash), ..UserChange::default() };
        self.store.update_user(user, &change, self.now(), &[]).await.unwrap();
    }
}

#[tokio::test]
async fn a_password_is_the_same_from_every_keyboard() {
    let world = World::new().await;
    world.users().create_user(create("zoe", None, DECOMPOSED)).await.unwrap();
    for typed in [COMPOSED, DECOMPOSED] {
        world.login("zoe", typed, &IdentityKey::random()).await.unwrap();
    }
    let wrong = world.login("zoe", "Zoe's white horse", &IdentityKey::random()).await;
    assert_eq!(wrong.unwrap_err(), AuthError::InvalidCredentials);
}

#[tokio::test]
async fn passwords_that_were_stored_as_typed_still_open() {
    let world = World::new().await;
    world.store_as_typed("zoe", DECOMPOSED).await;
    world.login("zoe", DECOMPOSED, &IdentityKey::random()).await.unwrap();
    // The policy would reject this password today.
    world.store_as_typed("ann", "hidden\u{200b} words here").await;
    world.login("ann", "hidden\u{200b} words here", &IdentityKey::random()).await.unwrap();
    assert!(world.login("ann", "hidden words here", &IdentityKey::random()).await.is_err());
}

#[tokio::test]
async fn invisible_characters_are_rejected_everywhere() {
    let world = World::new().await;
    let refused = world.users().create_user(create("ann", None, "long enough\u{200b}")).await.unwrap_err();
    assert_eq!(refused.code(), "invalid_fields");
    for email in ["a\u{202e}@example.org", "a@exa\u{200b}mple.org", "a\nb@example.org", "a b@example.org"] {
        let refused = world.users().create_user(create("ann", Some(email), PASSWORD)).await.unwrap_err();
        assert_eq!(refused.code(), "invalid_fields", "{email:?}");
    }
    world.users().create_user(create("ann", None, PASSWORD)).await.unwrap();
    for name in ["lap\u{202e}top", "lap\ntop", "\u{200b}", "\u{1b}[2J"] {
        let mut payload = credentials("ann", PASSWORD, &IdentityKey::random());
        payload["device_name"] = name.into();
        let refused = world.exchange(Purpose::Login, &payload, &format!("192.0.2.{}", name.len())).await.unwrap_err();
        assert_eq!(refused.code(), "invalid_fields", "{name:?}");
    }
    for name in ["ann\u{200b}", "аnn" /* Cyrillic */] {
        let answer = world.login(name, PASSWORD, &IdentityKey::random()).await.unwrap_err();
        assert_eq!(answer, AuthError::InvalidCredentials);
    }
}

#[tokio::test]
async fn names_and_addresses_have_one_form() {
    let world = World::new().await;
    world.users().create_user(create("ann", Some(" Zoe\u{308}@Example.org"), PASSWORD)).await.unwrap();
    for typed in ["ＡＮＮ", " Ann ", "zo\u{eb}@example.org", "ZOE\u{308}@EXAMPLE.ORG\u{a0}"] {
        world.login(typed, PASSWORD, &IdentityKey::random()).await.unwrap();
    }
    let info = world.users().show_user(Acting::root(UserRef { user: "ann".into() })).await.unwrap();
    assert_eq!(info.email.as_deref(), Some("zo\u{eb}@example.org"));
    let taken = create("ben", Some("Zo\u{eb}@example.org"), PASSWORD);
    assert_eq!(world.users().create_user(taken).await.unwrap_err(), AuthError::NameTaken);
    let cleared = UpdateUser { user: "ann".into(), email: Some(" ".into()), ..UpdateUser::default() };
    assert_eq!(world.users().update_user(Acting::root(cleared)).await.unwrap().email, None);
}
