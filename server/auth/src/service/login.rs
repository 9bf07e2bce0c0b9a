//! Login with name and password.

use super::attempt::{Running, tag};
use super::passwords;
use super::welcome::{device_key, parse, view};
use super::{Service, fault};
use crate::envelope::{self, Opened, ReplyWay};
use crate::guard::Attempt;
use crate::password::Place;
use serde::Deserialize;
use std::net::IpAddr;
use tornado_contracts::auth::AuthError;
use tornado_contracts::session::LiveQuery;
use tornado_rpc::Fault;
use tornado_runtime::trial::fault_point;
use tornado_shared::api::{LoginBody, LoginPayload, LoginReply};
use tornado_shared::crypto::v2::Purpose;
use tornado_shared::model::{DeviceId, Secret, SessionState, UserId, Username, text};
use tornado_store::StoreError;
use tornado_store::identity::{DeviceClaim, FactorOwner, LoginOutcome, Proof, User, UserKey};

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

impl Service {
    pub(super) async fn log_in(&self, body: &LoginBody, address: IpAddr) -> Result<LoginReply, AuthError> {
        let place = self.place()?;
        let opened = envelope::open(&self.keys, Purpose::Login, body, self.clock.now())?;
        let credentials = self.counted(address, credentials(&opened))?;
        let (user, proof, attempt) = self.authenticate(&place, &credentials, &opened, address).await?;
        drop(place);
        let claim = match credentials.claim {
            Some(claim) => claim,
            None => self.v1_claim(user.id).await?,
        };
        let login = self.new_login(claim, &opened.reply, self.clock.now())?;
        fault_point("login.checked");
        let outcome = match self.store.log_in(user.id, &proof, &login).await {
            Err(StoreError::Lapsed(_)) => {
                let proof = self.prove_again(&user, proof, &credentials.password, attempt).await?;
                self.store.log_in(user.id, &proof, &login).await
            }
            outcome => outcome,
        };
        let outcome = outcome.map_err(fault::store)?;
        fault_point("login.stored");
        match outcome {
            LoginOutcome::Opened(device) => {
                self.keep_cost(&user, &credentials.password).await;
                self.welcome(view(&user), device, &login, opened.reply)
            }
            LoginOutcome::UserGone => Err(AuthError::UserInactive),
            LoginOutcome::NoDevice => Err(AuthError::MaxDevices),
        }
    }

    /// The returned attempt allows a second verification.
    async fn authenticate(
        &self,
        place: &Place,
        credentials: &Credentials,
        opened: &Opened,
        address: IpAddr,
    ) -> Result<(User, Proof, Attempt), AuthError> {
        let name = text::folded(&credentials.name);
        let user = self.look_up(&credentials.name).await?;
        // Also executed for an account that does not exist, so that a rejection takes the same time.
        let id = user.as_ref().map_or(UserId(uuid::Uuid::nil()), |user| user.id);
        let device = match &credentials.claim {
            Some(DeviceClaim::V2 { key, .. }) => self.known_device(id, key).await?,
            Some(DeviceClaim::V1 { .. }) | None => None,
        };
        let attempt_again = Attempt::new(address, Some(tag(&name))).by_device(device);
        let attempt = self.attempt(attempt_again, self.clock.now())?;
        self.spend(opened).await?;
        fault_point("login.opened");
        let stored = user.as_ref().map(|user| user.password_hash.as_str());
        let right = self.is_right_at(place, &credentials.password, stored).await?;
        let Some(user) = user.filter(|_| right) else {
            attempt.failed(self.clock.now());
            return Err(AuthError::InvalidCredentials);
        };
        let factor = self.judge_factor(attempt, &user, credentials.totp.as_ref()).await?;
        if !user.is_active {
            return Err(AuthError::UserInactive);
        }
        let proof = Proof { password_hash: user.password_hash.clone(), factor };
        Ok((user, proof, attempt_again))
    }

    /// Verifies the login again after the stored hash or factor changed during verification. A hash also changes when
    /// another login of the account replaces it with one of the configured cost, so the password is verified again. A
    /// changed factor makes the store reject the login again, because its code was checked against the old factor.
    pub(super) async fn prove_again(
        &self,
        user: &User,
        proof: Proof,
        password: &Secret,
        attempt: Attempt,
    ) -> Result<Proof, AuthError> {
        let attempt = self.attempt(attempt, self.clock.now())?;
        let now = self.store.find_user(UserKey::Id(user.id)).await.map_err(fault::store)?;
        let now = now.ok_or(AuthError::UserInactive)?;
        if !self.is_right(password, Some(&now.password_hash)).await? {
            attempt.failed(self.clock.now());
            return Err(AuthError::InvalidCredentials);
        }
        attempt.succeeded(self.clock.now());
        Ok(Proof { password_hash: now.password_hash, ..proof })
    }

    /// Completes an attempt whose password was right. Returns the sealed secret of the factor, if the account has one.
    pub(super) async fn judge_factor(
        &self,
        attempt: Running<'_>,
        user: &User,
        code: Option<&Secret>,
    ) -> Result<Option<Vec<u8>>, AuthError> {
        if code.is_some() {
            attempt.check_code(self.clock.now())?;
        }
        let actor = format!("user:{}", user.username);
        let judged = self.check_factor(FactorOwner::User(user.id), &actor, code).await;
        match &judged {
            Ok(_) => attempt.succeeded(self.clock.now()),
            Err(AuthError::TotpInvalid) => attempt.code_failed(self.clock.now()),
            Err(_) => {}
        }
        judged
    }

    /// Hashes a right password again when the configured cost has changed. A failure does not fail the login.
    async fn keep_cost(&self, user: &User, password: &Secret) {
        if !self.hasher.is_outdated(&user.password_hash) {
            return;
        }
        let normal = passwords::normal(password);
        let Ok(hash) = self.hasher.hash(normal.as_ref().unwrap_or(password)).await else { return };
        if let Err(error) = self.store.rehash_user(user.id, &user.password_hash, &hash).await {
            tracing::warn!(%error, "could not rehash a password");
        }
    }

    /// Finds an account by name or e-mail address. The two cannot collide: names do not contain `@`.
    pub(super) async fn look_up(&self, typed: &str) -> Result<Option<User>, AuthError> {
        if typed.contains('@') {
            let found = self.store.find_user(UserKey::Email(&text::folded(typed))).await.map_err(fault::store)?;
            // Earlier versions stored the address as typed.
            return match found {
                None => self.store.find_user(UserKey::Email(typed.trim())).await.map_err(fault::store),
                Some(user) => Ok(Some(user)),
            };
        }
        match typed.parse::<Username>() {
            Ok(name) => self.store.find_user(UserKey::Name(&name)).await.map_err(fault::store),
            Err(_) => Ok(None),
        }
    }

    /// A v1 client gets a device that is not connected. Only `session` knows which ones are.
    async fn v1_claim(&self, user: UserId) -> Result<DeviceClaim, AuthError> {
        let live = self.sessions.live(LiveQuery { user_id: Some(user) }).await.map_err(|error| {
            tracing::warn!(%error, "could not get the connected devices from session");
            Fault::Unavailable("the session service does not respond; try again in a moment".into())
        })?;
        // An offline device does not occupy a slot, so a user who lost both token and network can log in again (defect
        // 2).
        let holds_slot = |state| matches!(state, SessionState::Connecting | SessionState::Online);
        let live = live.into_iter().filter(|session| holds_slot(session.state));
        let live: Vec<DeviceId> = live.map(|session| session.device_id).collect();
        let name = "v1 client".parse().map_err(|_| fault::internal("cannot name the device"))?;
        Ok(DeviceClaim::V1 { live, name })
    }
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
