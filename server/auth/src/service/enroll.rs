//! Enrolment with an invitation.

use super::attempt::tag;
use super::welcome::{device_key, new_view, parse, view};
use super::{Service, fault};
use crate::code::{self, CodeKind};
use crate::envelope::{self, Opened};
use crate::guard::Attempt;
use crate::password::{self, Place};
use std::net::IpAddr;
use tornado_contracts::auth::AuthError;
use tornado_shared::api::{EnrollPayload, LoginBody, LoginReply, UserView};
use tornado_shared::crypto::v2::Purpose;
use tornado_shared::model::UserId;
use tornado_store::identity::{DeviceClaim, EnrollOutcome, Enrollee, NewUser, OpenInvitation, Proof, UserKey};

const FIELDS: &str = "code, username (3 to 50 of a-z 0-9 . _ -), password, device_key and \
                      device_name (1 to 64 printable characters)";

impl Service {
    pub(super) async fn enroll(&self, body: &LoginBody, address: IpAddr) -> Result<LoginReply, AuthError> {
        let place = self.place()?;
        let opened = envelope::open(&self.keys, Purpose::Enroll, body, self.clock.now())?;
        let (payload, key) = self.counted(address, read(&opened.payload))?;
        let invitation = self.invitation(&payload, address).await?;
        let (who, user) = match invitation.user {
            None => self.newcomer(&place, &payload, &invitation, &opened).await?,
            Some(id) => self.known(&place, &payload, id, (&opened, &key), address).await?,
        };
        let claim = DeviceClaim::V2 { key, name: payload.device_name.clone() };
        let login = self.new_login(claim, &opened.reply, self.clock.now())?;
        match self.store.enroll(invitation.id, &who, &login).await.map_err(fault::store)? {
            EnrollOutcome::Enrolled(device) => self.welcome(user, device, &login, opened.reply),
            EnrollOutcome::InvalidInvitation => Err(AuthError::InvalidInvitation),
            EnrollOutcome::NameTaken => Err(AuthError::NameTaken),
            EnrollOutcome::UserGone => Err(AuthError::UserInactive),
            EnrollOutcome::NoDevice => Err(AuthError::MaxDevices),
        }
    }

    /// A wrong code counts as a failed attempt.
    async fn invitation(&self, payload: &EnrollPayload, address: IpAddr) -> Result<OpenInvitation, AuthError> {
        let now = self.clock.now();
        let attempt = self.attempt(Attempt::new(address, None), now)?;
        let hash = code::hash(CodeKind::Invitation, &payload.code);
        let found = self.store.find_invitation(&hash, now).await.map_err(fault::store)?;
        if found.is_none() {
            attempt.failed(now);
        }
        found.ok_or(AuthError::InvalidInvitation)
    }

    async fn newcomer(
        &self,
        place: &Place,
        payload: &EnrollPayload,
        invitation: &OpenInvitation,
        opened: &Opened,
    ) -> Result<(Enrollee, UserView), AuthError> {
        let username =
            payload.username.clone().ok_or_else(|| AuthError::InvalidFields("username is missing".into()))?;
        let password = password::check_new(&payload.password, &username).map_err(fault::policy)?;
        // Checked early to save work; the database constraint decides.
        if self.store.find_user(UserKey::Name(&username)).await.map_err(fault::store)?.is_some() {
            return Err(AuthError::NameTaken);
        }
        self.spend(opened).await?;
        let password_hash = self.hasher.hash_at(place, &password).await.map_err(fault::hash)?;
        let id = UserId::random();
        let view = new_view(id, username.clone(), None, true);
        let max_devices = invitation.max_devices;
        Ok((Enrollee::New(NewUser { id, username, email: None, password_hash, max_devices }), view))
    }

    /// For an invitation that adds a device to an account: the guest must know the account's password.
    async fn known(
        &self,
        place: &Place,
        payload: &EnrollPayload,
        id: UserId,
        (opened, key): (&Opened, &[u8; 32]),
        address: IpAddr,
    ) -> Result<(Enrollee, UserView), AuthError> {
        let user = self.store.find_user(UserKey::Id(id)).await.map_err(fault::store)?;
        let user = user.ok_or(AuthError::InvalidInvitation)?;
        if payload.username.as_ref().is_some_and(|name| *name != user.username) {
            return Err(AuthError::InvalidFields("this invitation is for another account".into()));
        }
        let device = self.known_device(id, key).await?;
        let attempt = Attempt::new(address, Some(tag(user.username.as_str()))).by_device(device);
        let attempt = self.attempt(attempt, self.clock.now())?;
        self.spend(opened).await?;
        if !self.is_right_at(place, &payload.password, Some(&user.password_hash)).await? {
            attempt.failed(self.clock.now());
            return Err(AuthError::InvalidCredentials);
        }
        let factor = self.judge_factor(attempt, &user, payload.totp.as_ref()).await?;
        if !user.is_active {
            return Err(AuthError::UserInactive);
        }
        let proof = Proof { password_hash: user.password_hash.clone(), factor };
        Ok((Enrollee::Existing(id, proof), view(&user)))
    }
}

fn read(payload: &[u8]) -> Result<(EnrollPayload, [u8; 32]), AuthError> {
    let payload: EnrollPayload = parse(payload, FIELDS)?;
    let key = device_key(&payload.device_key)?;
    Ok((payload, key))
}
