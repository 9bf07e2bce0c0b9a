//! Users and their devices: changes by operators and by owners, and the logins and sessions that they end.

use crate::support::world::{PASSWORD, Welcome, World};
use std::sync::atomic::Ordering;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::users::{
    ChangePassword, CreateUser, DeviceRef, Nothing, OwnAct, UpdateOwn, UpdateUser, UserInfo, UserQuery, UserRef,
    Users as _,
};
use tornado_contracts::auth::{Acting, Auth as _, AuthError, RefreshToken};
use tornado_rpc::{Fault, ServiceError as _};
use tornado_runtime::Roles;
use tornado_shared::api::Tokens;
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::model::{CloseReason, DeviceId, Secret};

const NEW: &str = "another good password";

fn of(user: &str) -> UpdateUser {
    UpdateUser { user: user.into(), ..UpdateUser::default() }
}

fn which(user: &str) -> Acting<UserRef> {
    Acting::root(UserRef { user: user.into() })
}

fn own<T>(tokens: &Tokens, what: T) -> OwnAct<T> {
    OwnAct { access_token: tokens.access_token.clone(), what }
}

impl World {
    async fn update(&self, what: UpdateUser) -> Result<UserInfo, AuthError> {
        self.users().update_user(Acting::root(what)).await
    }

    /// An account with two devices logged in.
    async fn two_devices(&self) -> (Welcome, Welcome) {
        self.account("alice", Some("alice@example.org"), 3).await;
        let first = self.login("alice", PASSWORD, &IdentityKey::random()).await.unwrap();
        let second = self.login("alice", PASSWORD, &IdentityKey::random()).await.unwrap();
        self.service.settle_sessions().await;
        (first, second)
    }

    async fn can_refresh(&self, tokens: &Tokens) -> bool {
        let refresh_token = tokens.refresh_token.clone();
        self.client.refresh(RefreshToken { refresh_token, idempotency_key: None }).await.is_ok()
    }

    fn closed_devices(&self) -> Vec<DeviceId> {
        let mut devices: Vec<_> = self.sessions.closed().iter().map(|(device, _)| *device).collect();
        devices.sort_by_key(|device| device.0);
        devices
    }
}

fn sorted(devices: [&Welcome; 2]) -> Vec<DeviceId> {
    let mut ids = devices.map(|welcome| welcome.payload.device_id).to_vec();
    ids.sort_by_key(|device| device.0);
    ids
}

#[tokio::test]
async fn operators_make_find_and_change_accounts() {
    let world = World::new().await;
    let create = |name: &str, password: &str| {
        Acting::root(CreateUser {
            username: name.parse().unwrap(),
            email: Some("Bob@Example.org".into()),
            password: Secret::new(password),
            max_devices: 2,
        })
    };
    assert_eq!(world.users().create_user(create("bob", "short")).await.unwrap_err().code(), "invalid_fields");
    let bob = world.users().create_user(create("bob", PASSWORD)).await.unwrap();
    assert_eq!(
        (bob.email.as_deref(), bob.max_devices, bob.is_active, bob.totp),
        (Some("bob@example.org"), 2, true, false)
    );
    assert_eq!(world.users().create_user(create("bob2", PASSWORD)).await.unwrap_err(), AuthError::NameTaken);
    assert!(world.login("bob", PASSWORD, &IdentityKey::random()).await.is_ok());
    let renamed = UpdateUser { username: Some("robert".parse().unwrap()), email: Some(String::new()), ..of("bob") };
    let robert = world.update(renamed).await.unwrap();
    assert_eq!((robert.id, robert.email, robert.last_login_at), (bob.id, None, Some(world.now())));
    assert_eq!(world.users().show_user(which("bob")).await.unwrap_err().code(), "not_found");
    assert_eq!(world.users().show_user(which(&bob.id.to_string())).await.unwrap().username.as_str(), "robert");
    let query = UserQuery { search: "OBER".into(), limit: 10, ..UserQuery::default() };
    assert_eq!(world.users().list_users(Acting::root(query)).await.unwrap().total, 1);
    for email in ["no address", "@example.org", "a@b@example.org", "a@localhost"] {
        let refused = world.update(UpdateUser { email: Some(email.into()), ..of("robert") }).await.unwrap_err();
        assert_eq!(refused.code(), "invalid_fields", "{email}");
    }
    assert_eq!(
        world.update(UpdateUser { max_devices: Some(11), ..of("robert") }).await.unwrap_err().code(),
        "invalid_fields"
    );
}

#[tokio::test]
async fn a_search_has_no_wildcards_and_counts_all_pages() {
    let world = World::new().await;
    for name in ["ann", "a_n", "bob", "b.b", "x-1"] {
        world.account(name, None, 3).await;
    }
    let found = async |search: &str, limit| {
        let query = UserQuery { search: search.into(), limit, ..UserQuery::default() };
        let page = world.users().list_users(Acting::root(query)).await.unwrap();
        let names: Vec<_> = page.users.iter().map(|user| user.username.to_string()).collect();
        (names.join(" "), page.total)
    };
    assert_eq!(found("a_n", 10).await, ("a_n".into(), 1), "an underscore is an underscore");
    assert_eq!(found("%", 10).await, (String::new(), 0));
    assert_eq!(found("!", 10).await, (String::new(), 0), "the escape character is literal too");
    let (page, total) = found("", 2).await;
    assert_eq!((page.split(' ').count(), total), (2, 5), "the total covers all pages");
    // Times are Unix seconds, independent of time zones.
    world.users().delete_user(which("bob")).await.unwrap();
    world.account("bob", None, 3).await;
    assert_eq!(found("bob", 10).await, ("bob".into(), 1), "deleted accounts are neither listed nor counted");
}

#[tokio::test]
async fn every_action_needs_a_caller_or_a_sign_in() {
    let world = World::new().await;
    world.account("alice", None, 3).await;
    let refused = world.service.delete_user(which("alice")).await.unwrap_err();
    assert!(matches!(refused, AuthError::Fault(Fault::Forbidden(_))));
    // Guessed and empty tokens are rejected.
    for token in ["AAAAAAAAAAAAAAAAAAAAAAAAAA", "", "changeme"] {
        let forged = Acting::operator(Secret::new(token), UserRef { user: "alice".into() });
        assert_eq!(world.users().delete_user(forged).await.unwrap_err(), AuthError::SignedOut, "{token}");
    }
    // Service `admin` does not have rights of its own: a request without an operator's token is rejected.
    let console = Roles::default().with(901, ServiceName::Admin).caller(901, None);
    for (verb, path, body) in [
        ("DELETE", "/v1/users", r#"{"user":"alice"}"#),
        ("POST", "/v1/users/list", "{}"),
        ("PUT", "/v1/operators/role", r#"{"name":"eve","password":"a long password","role":"owner"}"#),
        ("POST", "/v1/invitations", r#"{"max_devices":3,"lifetime":60}"#),
        ("POST", "/v1/keyring/rotate", "{}"),
        ("POST", "/v1/audit/list", r#"{"limit":10}"#),
    ] {
        let router = tornado_contracts::auth::routers(world.service.clone()).layer(axum::Extension(console.clone()));
        let request = axum::http::Request::builder().method(verb).uri(path);
        let request = request.header("content-type", "application/json").body(axum::body::Body::from(body)).unwrap();
        let answer = tower::ServiceExt::oneshot(router, request).await.unwrap();
        let status = answer.status().as_u16();
        let text = axum::body::to_bytes(answer.into_body(), 1 << 16).await.unwrap();
        assert_eq!(status, 401, "{path}: {}", String::from_utf8_lossy(&text));
    }
    assert!(world.users().show_user(which("alice")).await.is_ok());
}

#[tokio::test]
async fn suspension_ends_logins_and_sessions_before_it_responds() {
    let world = World::new().await;
    let (first, second) = world.two_devices().await;
    let info = world.update(UpdateUser { active: Some(false), ..of("alice") }).await.unwrap();
    assert!(!info.is_active);
    assert_eq!(world.closed_devices(), sorted([&first, &second]));
    assert!(world.sessions.closed().iter().all(|(_, reason)| *reason == CloseReason::Revoked));
    assert!(!world.can_refresh(&first.payload.tokens).await);
    let refused = world.login("alice", PASSWORD, &IdentityKey::random()).await.unwrap_err();
    assert_eq!(refused, AuthError::UserInactive);
    world.update(UpdateUser { active: Some(true), ..of("alice") }).await.unwrap();
    assert!(!world.can_refresh(&second.payload.tokens).await, "ended logins stay ended");
    assert!(world.login("alice", PASSWORD, &IdentityKey::random()).await.is_ok());
    assert_eq!(world.actions().await[1..], ["root user.suspend done", "root user.reactivate done"]);
}

#[tokio::test]
async fn a_new_password_ends_logins_and_sessions() {
    let world = World::new().await;
    let (first, second) = world.two_devices().await;
    world.update(UpdateUser { password: Some(Secret::new(NEW)), ..of("alice") }).await.unwrap();
    assert_eq!(world.closed_devices(), sorted([&first, &second]));
    assert!(!world.can_refresh(&first.payload.tokens).await);
    assert!(world.login("alice", PASSWORD, &IdentityKey::random()).await.is_err());
    assert!(world.login("alice", NEW, &IdentityKey::random()).await.is_ok());
}

#[tokio::test]
async fn a_lower_device_limit_ends_the_newest_sessions() {
    let world = World::new().await;
    let (first, second) = world.two_devices().await;
    world.sessions.connect(first.payload.user.id, [first.payload.device_id, second.payload.device_id]);
    world.update(UpdateUser { max_devices: Some(2), ..of("alice") }).await.unwrap();
    assert_eq!(world.sessions.closed(), []);
    world.update(UpdateUser { max_devices: Some(1), ..of("alice") }).await.unwrap();
    let closed = world.sessions.closed();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].1, CloseReason::Evicted);
    assert!(world.can_refresh(&first.payload.tokens).await && world.can_refresh(&second.payload.tokens).await);
}

#[tokio::test]
async fn a_deleted_name_is_free_and_the_old_logins_ended() {
    let world = World::new().await;
    let (first, second) = world.two_devices().await;
    world.users().delete_user(which("alice")).await.unwrap();
    assert_eq!(world.closed_devices(), sorted([&first, &second]));
    assert_eq!(world.users().delete_user(which("alice")).await.unwrap_err().code(), "not_found");
    world.account("alice", Some("alice@example.org"), 3).await;
    assert!(world.login("alice@example.org", PASSWORD, &IdentityKey::random()).await.is_ok());
    assert!(!world.can_refresh(&first.payload.tokens).await, "a deleted user cannot refresh");
}

#[tokio::test]
async fn an_operator_ends_every_login_of_an_account() {
    let world = World::new().await;
    let (first, second) = world.two_devices().await;
    world.users().revoke_user(which("alice")).await.unwrap();
    assert_eq!(world.closed_devices(), sorted([&first, &second]));
    assert!(!world.can_refresh(&first.payload.tokens).await);
    assert!(world.login("alice", PASSWORD, &IdentityKey::random()).await.is_ok());
}

#[tokio::test]
async fn a_failed_close_is_reported_and_repeated() {
    let world = World::new().await;
    let (first, second) = world.two_devices().await;
    world.sessions.connect(first.payload.user.id, [first.payload.device_id, second.payload.device_id]);
    world.sessions.silent.store(true, Ordering::SeqCst);
    let refused = world.update(UpdateUser { active: Some(false), ..of("alice") }).await.unwrap_err();
    assert_eq!(refused.code(), "unavailable");
    assert!(!world.can_refresh(&first.payload.tokens).await, "the right ends immediately");
    world.sessions.silent.store(false, Ordering::SeqCst);
    world.service.settle_sessions().await;
    assert_eq!(world.closed_devices(), sorted([&first, &second]));
}

#[tokio::test]
async fn owners_list_and_remove_their_devices() {
    let world = World::new().await;
    let (phone, laptop) = world.two_devices().await;
    world.account("mallory", None, 3).await;
    let mallory = world.login("mallory", PASSWORD, &IdentityKey::random()).await.unwrap();
    let list = world.users().own_devices(own(&laptop.payload.tokens, Nothing {})).await.unwrap();
    assert_eq!(list.len(), 2);
    assert!(list.iter().all(|device| device.logged_in && device.has_key));
    let evict = |tokens: &Tokens| own(tokens, DeviceRef { device_id: phone.payload.device_id });
    let refused = world.users().remove_own_device(evict(&mallory.payload.tokens)).await.unwrap_err();
    assert_eq!(refused.code(), "not_found", "a device of another account");
    world.users().remove_own_device(evict(&laptop.payload.tokens)).await.unwrap();
    assert_eq!(world.sessions.closed(), [(phone.payload.device_id, CloseReason::Revoked)]);
    assert!(!world.can_refresh(&phone.payload.tokens).await);
    assert_eq!(world.users().own_devices(own(&laptop.payload.tokens, Nothing {})).await.unwrap().len(), 1);
    let removed = world.users().own_devices(own(&phone.payload.tokens, Nothing {})).await.unwrap_err();
    assert_eq!(removed, AuthError::Revoked);
    let again = Acting::root(DeviceRef { device_id: phone.payload.device_id });
    assert_eq!(world.users().remove_device(again).await.unwrap_err().code(), "not_found");
}

#[tokio::test]
async fn a_new_own_password_keeps_only_the_requesting_device() {
    let world = World::new().await;
    let (phone, laptop) = world.two_devices().await;
    let change = |current: &str, new: &str| {
        own(&laptop.payload.tokens, ChangePassword { current: Secret::new(current), new: Secret::new(new) })
    };
    let users = world.users();
    assert_eq!(users.change_own_password(change("wrong", NEW)).await.unwrap_err(), AuthError::InvalidCredentials);
    assert_eq!(users.change_own_password(change(PASSWORD, "short")).await.unwrap_err().code(), "invalid_fields");
    users.change_own_password(change(PASSWORD, NEW)).await.unwrap();
    assert_eq!(world.sessions.closed(), [(phone.payload.device_id, CloseReason::Revoked)]);
    assert!(world.can_refresh(&laptop.payload.tokens).await);
    assert!(!world.can_refresh(&phone.payload.tokens).await);
    assert!(world.login("alice", NEW, &IdentityKey::random()).await.is_ok());
    let what = UpdateOwn { email: Some(String::new()), device_name: Some("desk".parse().unwrap()) };
    users.update_own(own(&laptop.payload.tokens, what)).await.unwrap();
    let list = users.own_devices(own(&laptop.payload.tokens, Nothing {})).await.unwrap();
    assert!(list.iter().any(|device| device.name.as_str() == "desk"));
    assert_eq!(users.show_user(which("alice")).await.unwrap().email, None);
}

#[tokio::test]
async fn a_stolen_token_cannot_guess_the_password() {
    let world = World::new().await;
    let (_, laptop) = world.two_devices().await;
    let guess = async || {
        let what = ChangePassword { current: Secret::new("wrong"), new: Secret::new(NEW) };
        world.users().change_own_password(own(&laptop.payload.tokens, what)).await
    };
    for _ in 0..5 {
        assert_eq!(guess().await.unwrap_err(), AuthError::InvalidCredentials);
    }
    let shut = guess().await.unwrap_err();
    assert_eq!((shut.code(), shut.status(), shut.retry_after()), ("too_many_attempts", 429, Some(900)));
    assert!(world.login("alice", PASSWORD, &IdentityKey::random()).await.is_ok(), "the owner can still log in");
}
