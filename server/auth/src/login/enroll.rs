//! Enrolment with an invitation.

use super::envelope::{self, Opened};
use super::proof::{known_device, prove, spend};
use super::reply::{device_key, parse, welcome};
use crate::code::{self, CodeKind};
use crate::core::Core;
use crate::guard::{Attempt, account_tag};
use crate::password::{Place, check_new};
use crate::tokens::{new_view, view};
use crate::{fault, tokens};
use std::net::IpAddr;
use tornado_contracts::auth::AuthError;
use tornado_shared::api::{EnrollPayload, LoginBody, LoginReply, UserView};
use tornado_shared::crypto::v2::Purpose;
use tornado_shared::model::UserId;
use tornado_store::identity::{DeviceClaim, EnrollOutcome, Enrollee, NewUser, OpenInvitation, UserKey};

const FIELDS: &str = "code, username (3 to 50 of a-z 0-9 . _ -), password, device_key and \
                      device_name (1 to 64 printable characters)";

pub async fn enroll(core: &Core, body: &LoginBody, address: IpAddr) -> Result<LoginReply, AuthError> {
    let place = core.passwords.place()?;
    let opened = envelope::open(&core.keys, Purpose::Enroll, body, core.clock.now())?;
    let (payload, key) = core.attempts.count(address, read(&opened.payload))?;
    let invitation = find_invitation(core, &payload, address).await?;
    let (who, user) = match invitation.user {
        None => new_user(core, &place, &payload, &invitation, &opened).await?,
        Some(id) => existing_user(core, &place, &payload, id, (&opened, &key), address).await?,
    };
    let claim = DeviceClaim::V2 { key, name: payload.device_name.clone() };
    let login = tokens::new_login(core, claim, opened.reply.export())?;
    match core.store.enroll(invitation.id, &who, &login).await.map_err(fault::store)? {
        EnrollOutcome::Enrolled(device) => welcome(core, user, device, &login, opened.reply),
        EnrollOutcome::InvalidInvitation => Err(AuthError::InvalidInvitation),
        EnrollOutcome::NameTaken => Err(AuthError::NameTaken),
        EnrollOutcome::UserGone => Err(AuthError::UserInactive),
        EnrollOutcome::NoDevice => Err(AuthError::MaxDevices),
    }
}

/// A wrong code counts as a failed attempt.
async fn find_invitation(core: &Core, payload: &EnrollPayload, address: IpAddr) -> Result<OpenInvitation, AuthError> {
    let attempt = core.attempts.begin(Attempt::new(address, None))?;
    let hash = code::hash(CodeKind::Invitation, &payload.code);
    let found = core.store.find_invitation(&hash, core.clock.now()).await.map_err(fault::store)?;
    if found.is_none() {
        attempt.failed();
    }
    found.ok_or(AuthError::InvalidInvitation)
}

async fn new_user(
    core: &Core,
    place: &Place,
    payload: &EnrollPayload,
    invitation: &OpenInvitation,
    opened: &Opened,
) -> Result<(Enrollee, UserView), AuthError> {
    let username = payload.username.clone().ok_or_else(|| AuthError::InvalidFields("username is missing".into()))?;
    let password = check_new(&payload.password, &username)?;
    // Checked early to save work; the database constraint decides.
    if core.store.find_user(UserKey::Name(&username)).await.map_err(fault::store)?.is_some() {
        return Err(AuthError::NameTaken);
    }
    spend(core, opened).await?;
    let password_hash = core.passwords.hash_at(place, &password).await?;
    let id = UserId::random();
    let view = new_view(id, username.clone(), None, true);
    let max_devices = invitation.max_devices;
    Ok((Enrollee::New(NewUser { id, username, email: None, password_hash, max_devices }), view))
}

/// For an invitation that adds a device to an account: the guest must know the account's password.
async fn existing_user(
    core: &Core,
    place: &Place,
    payload: &EnrollPayload,
    id: UserId,
    (opened, key): (&Opened, &[u8; 32]),
    address: IpAddr,
) -> Result<(Enrollee, UserView), AuthError> {
    let user = core.store.find_user(UserKey::Id(id)).await.map_err(fault::store)?;
    let user = user.ok_or(AuthError::InvalidInvitation)?;
    if payload.username.as_ref().is_some_and(|name| *name != user.username) {
        return Err(AuthError::InvalidFields("this invitation is for another account".into()));
    }
    let device = known_device(core, id, key).await?;
    let attempt = Attempt::new(address, Some(account_tag(user.username.as_str()))).by_device(device);
    let typed = (&payload.password, payload.totp.as_ref());
    let (user, proof) = prove(core, place, opened, attempt, Some(user), typed).await?;
    Ok((Enrollee::Existing(id, proof), view(&user)))
}

fn read(payload: &[u8]) -> Result<(EnrollPayload, [u8; 32]), AuthError> {
    let payload: EnrollPayload = parse(payload, FIELDS)?;
    let key = device_key(&payload.device_key)?;
    Ok((payload, key))
}
