//! What every engine must do. Another engine calls [`identity`] with its own way to make an empty store.

mod accounts;
mod entry;
mod rights;

use super::{DeviceClaim, IdentityStore, LoginOutcome, NewLogin, NewUser};
use std::future::Future;
use std::sync::Arc;
use tornado_shared::model::{DeviceId, FamilyId, UnixSeconds, UserId, Username};
use uuid::Uuid;

const NOW: UnixSeconds = 1_800_000_000;
const WEEK: i64 = 7 * 86_400;

type Store = Arc<dyn IdentityStore>;

/// Runs the whole suite; `make_store` gives an empty store each time.
pub(crate) async fn identity<F: Future<Output = Store>>(make_store: impl Fn() -> F) {
    accounts::users(make_store().await).await;
    accounts::deleted_names_are_free(make_store().await).await;
    accounts::logins_and_devices(make_store().await).await;
    accounts::v1_devices(make_store().await).await;
    accounts::device_rows_are_bounded(make_store().await).await;
    rights::refresh_tokens(make_store().await).await;
    rights::refresh_tokens_race(make_store().await).await;
    rights::refresh_trades_repeat(make_store().await).await;
    rights::revoking(make_store().await).await;
    rights::ended_devices(make_store().await).await;
    accounts::wireguard_keys(make_store().await).await;
    rights::envelopes(make_store().await).await;
    entry::invitations(make_store().await).await;
    entry::invitations_race(make_store().await).await;
    entry::bound_invitations(make_store().await).await;
    entry::operators(make_store().await).await;
    entry::setup_codes_race(make_store().await).await;
    entry::tls(make_store().await).await;
    rights::forgetting(make_store().await).await;
}

fn name(name: &str) -> Username {
    name.parse().unwrap()
}

fn new_user(username: &str, email: Option<&str>) -> NewUser {
    NewUser {
        id: UserId::random(),
        username: name(username),
        email: email.map(str::to_owned),
        password_hash: "$argon2id$one".into(),
        max_devices: 2,
    }
}

async fn user(store: &Store, username: &str) -> UserId {
    let new = new_user(username, None);
    assert!(store.create_user(&new, NOW).await.unwrap());
    new.id
}

fn login(device: DeviceClaim) -> NewLogin {
    NewLogin {
        new_device: DeviceId::random(),
        device,
        family: FamilyId::random(),
        refresh_jti: Uuid::new_v4(),
        sealed_export: Some(vec![0, 1, 2, 255]),
        now: NOW,
        expires_at: NOW + WEEK,
    }
}

fn v2(key: u8) -> DeviceClaim {
    DeviceClaim::V2 { key: [key; 32], name: "Łukasz's laptop".parse().unwrap() }
}

fn v1(live: &[DeviceId]) -> DeviceClaim {
    DeviceClaim::V1 { live: live.to_vec(), name: "v1 client".parse().unwrap() }
}

async fn opened(store: &Store, user: UserId, login: &NewLogin) -> DeviceId {
    match store.log_in(user, login).await.unwrap() {
        LoginOutcome::Opened(device) => device,
        LoginOutcome::UserGone | LoginOutcome::NoDevice => panic!("the login was refused"),
    }
}
