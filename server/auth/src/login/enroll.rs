//! Enrolment with an invitation.

use super::envelope::{self, Opened};
use super::proof::{Parts, known_device, prove, spend};
use super::reply::{device_key, parse, welcome};
use crate::code::{self, CodeKind};
use crate::fault;
use crate::guard::{Attempt, account_tag};
use crate::password::{Place, check_new};
use crate::tokens::{new_view, view};
use std::net::IpAddr;
use tornado_contracts::auth::AuthError;
use tornado_shared::api::{EnrollPayload, LoginBody, LoginReply, UserView};
use tornado_shared::crypto::v2::Purpose;
use tornado_shared::model::UserId;
use tornado_store::identity::{DeviceClaim, EnrollOutcome, Enrollee, NewUser, OpenInvitation, UserKey};

const FIELDS: &str = "code, username (3 to 50 of a-z 0-9 . _ -), password, device_key and \
                      device_name (1 to 64 printable characters)";

pub async fn enroll(parts: &Parts, body: &LoginBody, address: IpAddr) -> Result<LoginReply, AuthError> {
    let place = parts.passwords.place()?;
    let opened = envelope::open(&parts.keys, Purpose::Enroll, body, parts.clock.now())?;
    let (payload, key) = parts.attempts.count(address, read(&opened.payload))?;
    let invitation = find_invitation(parts, &payload, address).await?;
    let (who, user) = match invitation.user {
        None => new_user(parts, &place, &payload, &invitation, &opened).await?,
        Some(id) => existing_user(parts, &place, &payload, id, (&opened, &key), address).await?,
    };
    let claim = DeviceClaim::V2 { key, name: payload.device_name.clone() };
    let login = parts.logins.new_login(claim, opened.reply.export())?;
    match parts.store.enroll(invitation.id, &who, &login).await.map_err(fault::store)? {
        EnrollOutcome::Enrolled(device) => welcome(&parts.logins, user, device, &login, opened.reply),
        EnrollOutcome::InvalidInvitation => Err(AuthError::InvalidInvitation),
        EnrollOutcome::NameTaken => Err(AuthError::NameTaken),
        EnrollOutcome::UserGone => Err(AuthError::UserInactive),
        EnrollOutcome::NoDevice => Err(AuthError::MaxDevices),
    }
}

/// A wrong code counts as a failed attempt.
async fn find_invitation(parts: &Parts, payload: &EnrollPayload, address: IpAddr) -> Result<OpenInvitation, AuthError> {
    let attempt = parts.attempts.begin(Attempt::new(address, None))?;
    let hash = code::hash(CodeKind::Invitation, &payload.code);
    let found = parts.store.find_invitation(&hash, parts.clock.now()).await.map_err(fault::store)?;
    if found.is_none() {
        attempt.failed();
    }
    found.ok_or(AuthError::InvalidInvitation)
}

async fn new_user(
    parts: &Parts,
    place: &Place,
    payload: &EnrollPayload,
    invitation: &OpenInvitation,
    opened: &Opened,
) -> Result<(Enrollee, UserView), AuthError> {
    let username = payload.username.clone().ok_or_else(|| AuthError::InvalidFields("username is missing".into()))?;
    let password = check_new(&payload.password, &username)?;
    // Checked early to save work; the database constraint decides.
    if parts.store.find_user(UserKey::Name(&username)).await.map_err(fault::store)?.is_some() {
        return Err(AuthError::NameTaken);
    }
    spend(parts, opened).await?;
    let password_hash = parts.passwords.hash_at(place, &password).await?;
    let id = UserId::random();
    let view = new_view(id, username.clone(), None, true);
    let max_devices = invitation.max_devices;
    Ok((Enrollee::New(NewUser { id, username, email: None, password_hash, max_devices }), view))
}

/// For an invitation that adds a device to an account: the guest must know the account's password.
async fn existing_user(
    parts: &Parts,
    place: &Place,
    payload: &EnrollPayload,
    id: UserId,
    (opened, key): (&Opened, &[u8; 32]),
    address: IpAddr,
) -> Result<(Enrollee, UserView), AuthError> {
    let user = parts.store.find_user(UserKey::Id(id)).await.map_err(fault::store)?;
    let user = user.ok_or(AuthError::InvalidInvitation)?;
    if payload.username.as_ref().is_some_and(|name| *name != user.username) {
        return Err(AuthError::InvalidFields("this invitation is for another account".into()));
    }
    let device = known_device(parts, id, key).await?;
    let attempt = Attempt::new(address, Some(account_tag(user.username.as_str()))).by_device(device);
    let typed = (&payload.password, payload.totp.as_ref());
    let (user, proof) = prove(parts, place, opened, attempt, Some(user), typed).await?;
    Ok((Enrollee::Existing(id, proof), view(&user)))
}

fn read(payload: &[u8]) -> Result<(EnrollPayload, [u8; 32]), AuthError> {
    let payload: EnrollPayload = parse(payload, FIELDS)?;
    let key = device_key(&payload.device_key)?;
    Ok((payload, key))
}
