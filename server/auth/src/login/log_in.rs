//! Login with name and password.

use super::envelope::{self, Opened, ReplyWay};
use super::proof::{known_device, prove};
use super::reply::{device_key, parse, welcome};
use crate::core::Core;
use crate::guard::{Attempt, account_tag};
use crate::password::Place;
use crate::tokens::view;
use crate::users::look_up;
use crate::{fault, tokens};
use serde::Deserialize;
use std::net::IpAddr;
use tornado_contracts::auth::AuthError;
use tornado_rpc::Fault;
use tornado_runtime::trial::fault_point;
use tornado_shared::api::{LoginBody, LoginPayload, LoginReply};
use tornado_shared::crypto::v2::Purpose;
use tornado_shared::model::{DeviceId, Secret, SessionState, UserId, text};
use tornado_store::StoreError;
use tornado_store::identity::{DeviceClaim, LoginOutcome, Proof, User, UserKey};

/// Content of a v1 envelope; other fields that its clients send are ignored.
#[derive(Deserialize)]
struct PayloadV1 {
    username_or_email: String,
    password: Secret,
    #[serde(default)]
    totp: Option<Secret>,
}

/// Content of a payload of either version.
struct Credentials {
    name: String,
    password: Secret,
    totp: Option<Secret>,
    /// Absent in v1: the device is chosen once the user is known.
    claim: Option<DeviceClaim>,
}

pub async fn log_in(core: &Core, body: &LoginBody, address: IpAddr) -> Result<LoginReply, AuthError> {
    let place = core.passwords.place()?;
    let opened = envelope::open(&core.keys, Purpose::Login, body, core.clock.now())?;
    let credentials = core.attempts.count(address, credentials(&opened))?;
    let (user, proof, attempt) = authenticate(core, &place, &credentials, &opened, address).await?;
    drop(place);
    let claim = match credentials.claim {
        Some(claim) => claim,
        None => v1_claim(core, user.id).await?,
    };
    let login = tokens::new_login(core, claim, opened.reply.export())?;
    fault_point("login.checked");
    let outcome = match core.store.log_in(user.id, &proof, &login).await {
        Err(StoreError::Lapsed(_)) => {
            let proof = prove_again(core, &user, proof, &credentials.password, attempt).await?;
            core.store.log_in(user.id, &proof, &login).await
        }
        outcome => outcome,
    };
    let outcome = outcome.map_err(fault::store)?;
    fault_point("login.stored");
    match outcome {
        LoginOutcome::Opened(device) => {
            keep_cost(core, &user, &credentials.password).await;
            welcome(core, view(&user), device, &login, opened.reply)
        }
        LoginOutcome::UserGone => Err(AuthError::UserInactive),
        LoginOutcome::NoDevice => Err(AuthError::MaxDevices),
    }
}

/// The returned attempt allows a second verification.
async fn authenticate(
    core: &Core,
    place: &Place,
    credentials: &Credentials,
    opened: &Opened,
    address: IpAddr,
) -> Result<(User, Proof, Attempt), AuthError> {
    let name = text::folded(&credentials.name);
    let user = look_up(&core.store, &credentials.name).await?;
    // Also executed for an account that does not exist, so that a rejection takes the same time.
    let id = user.as_ref().map_or(UserId(uuid::Uuid::nil()), |user| user.id);
    let device = match &credentials.claim {
        Some(DeviceClaim::V2 { key, .. }) => known_device(core, id, key).await?,
        Some(DeviceClaim::V1 { .. }) | None => None,
    };
    let attempt = Attempt::new(address, Some(account_tag(&name))).by_device(device);
    let typed = (&credentials.password, credentials.totp.as_ref());
    let (user, proof) = prove(core, place, opened, attempt, user, typed).await?;
    Ok((user, proof, attempt))
}

/// Verifies the login again after the stored hash or factor changed during verification. A hash also changes when
/// another login of the account replaces it with one of the configured cost, so the password is verified again. A
/// changed factor makes the store reject the login again, because its code was checked against the old factor.
async fn prove_again(
    core: &Core,
    user: &User,
    proof: Proof,
    password: &Secret,
    attempt: Attempt,
) -> Result<Proof, AuthError> {
    let attempt = core.attempts.begin(attempt)?;
    let now = core.store.find_user(UserKey::Id(user.id)).await.map_err(fault::store)?;
    let now = now.ok_or(AuthError::UserInactive)?;
    if !core.passwords.is_right(password, Some(&now.password_hash)).await? {
        attempt.failed();
        return Err(AuthError::InvalidCredentials);
    }
    attempt.succeeded();
    Ok(Proof { password_hash: now.password_hash, ..proof })
}

/// Hashes a right password again when the configured cost has changed. A failure does not fail the login.
async fn keep_cost(core: &Core, user: &User, password: &Secret) {
    let Some(hash) = core.passwords.rehash(password, &user.password_hash).await else { return };
    if let Err(error) = core.store.rehash_user(user.id, &user.password_hash, &hash).await {
        tracing::warn!(%error, "could not rehash a password");
    }
}

/// A v1 client gets a device that is not connected. Only `session` knows which ones are.
async fn v1_claim(core: &Core, user: UserId) -> Result<DeviceClaim, AuthError> {
    let live = core.closing.live(user).await.map_err(|error| {
        tracing::warn!(%error, "could not get the connected devices from session");
        Fault::Unavailable("the session service does not respond; try again in a moment".into())
    })?;
    // An offline device does not occupy a slot, so a user who lost both token and network can log in again.
    let holds_slot = |state| matches!(state, SessionState::Connecting | SessionState::Online);
    let live = live.into_iter().filter(|session| holds_slot(session.state));
    let live: Vec<DeviceId> = live.map(|session| session.device_id).collect();
    let name = "v1 client".parse().map_err(|_| fault::internal("cannot name the device"))?;
    Ok(DeviceClaim::V1 { live, name })
}

fn credentials(opened: &Opened) -> Result<Credentials, AuthError> {
    match opened.reply {
        ReplyWay::Plain => {
            let payload: PayloadV1 = parse(&opened.payload, "username_or_email and password")?;
            Ok(Credentials {
                name: payload.username_or_email,
                password: payload.password,
                totp: payload.totp,
                claim: None,
            })
        }
        ReplyWay::Sealed(_) => {
            let fields = "username_or_email, password, device_key and device_name (1 to 64 printable characters)";
            let payload: LoginPayload = parse(&opened.payload, fields)?;
            let key = device_key(&payload.device_key)?;
            let claim = Some(DeviceClaim::V2 { key, name: payload.device_name });
            Ok(Credentials { name: payload.username_or_email, password: payload.password, totp: payload.totp, claim })
        }
    }
}
