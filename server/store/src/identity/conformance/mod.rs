//! Conformance checks for every engine. A new engine calls [`identity`] with a function that creates an empty store.

mod accounts;
mod changes;
mod entry;
mod lapse;
mod rights;
mod staff;
mod trail;

use super::{
    Authority, ChangeOutcome, DeviceClaim, LoginOutcome, NewAudit, NewLogin, NewUser, Proof, RevokeReason,
    SqlIdentityStore, UserChange,
};
use std::future::Future;
use tornado_shared::model::{DeviceId, FamilyId, UnixSeconds, UserId, Username};
use uuid::Uuid;

const NOW: UnixSeconds = 1_800_000_000;
const WEEK: i64 = 7 * 86_400;

type Store = SqlIdentityStore;

fn act(action: &str) -> NewAudit {
    NewAudit {
        at: NOW,
        actor: "root".into(),
        action: action.into(),
        subject: "server".into(),
        outcome: "done".into(),
        details: "{}".into(),
        authority: Authority::Caller,
    }
}

/// Account changes with a fixed audit row.
struct Plainly<'a>(&'a Store);

impl Plainly<'_> {
    async fn create_user(&self, user: &NewUser) -> bool {
        self.0.create_user(user, NOW, &act("user.create")).await.unwrap()
    }

    async fn set_user_active(&self, user: UserId, active: bool) -> bool {
        let end_logins = (!active).then_some(RevokeReason::Suspended);
        let change = UserChange { active: Some(active), end_logins, ..UserChange::default() };
        match self.0.update_user(user, &change, NOW, &[act("user.update")]).await.unwrap() {
            ChangeOutcome::Changed(_) => true,
            ChangeOutcome::Gone => false,
            ChangeOutcome::Taken => panic!("no name was changed"),
        }
    }

    async fn delete_user(&self, user: UserId) -> bool {
        self.0.delete_user(user, NOW, &act("user.delete")).await.unwrap().is_some()
    }

    async fn remove_device(&self, device: DeviceId) -> bool {
        self.0.remove_device(device, NOW, &act("device.remove")).await.unwrap()
    }
}

/// Runs all checks; `make_store` returns an empty store for each.
pub(crate) async fn identity<F: Future<Output = Store>>(make_store: impl Fn() -> F) {
    accounts::users(make_store().await).await;
    accounts::deleted_names_are_free(make_store().await).await;
    accounts::logins_and_devices(make_store().await).await;
    accounts::v1_devices(make_store().await).await;
    accounts::device_rows_are_bounded(make_store().await).await;
    rights::refresh_tokens(make_store().await).await;
    rights::refresh_tokens_race(make_store().await).await;
    rights::refresh_tokens_newer_than_the_store(make_store().await).await;
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
    rights::kept_logins(make_store().await).await;
    changes::changing_accounts(make_store().await).await;
    changes::pages(make_store().await).await;
    changes::devices(make_store().await).await;
    staff::roles(make_store().await).await;
    staff::last_owners_race(make_store().await).await;
    staff::sign_ins(make_store().await).await;
    staff::api_tokens(make_store().await).await;
    staff::passkeys(make_store().await).await;
    staff::forgotten_factors(make_store().await).await;
    staff::settings(make_store().await).await;
    staff::second_factors(make_store().await).await;
    lapse::passwords(make_store().await).await;
    lapse::logins_race_with_a_new_password(make_store().await).await;
    lapse::factors(make_store().await).await;
    lapse::enrolments(make_store().await).await;
    lapse::sign_ins(make_store().await).await;
    lapse::authorities(make_store().await).await;
    trail::chain(make_store().await).await;
    trail::written_with_the_act(make_store().await).await;
    trail::writers_race(make_store().await).await;
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
    assert!(Plainly(store).create_user(&new).await);
    new.id
}

/// Proof for an account created by [`user`].
fn proof() -> Proof {
    Proof { password_hash: "$argon2id$one".into(), factor: None }
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
    match store.log_in(user, &proof(), login).await.unwrap() {
        LoginOutcome::Opened(device) => device,
        LoginOutcome::UserGone | LoginOutcome::NoDevice => panic!("the login was refused"),
    }
}
