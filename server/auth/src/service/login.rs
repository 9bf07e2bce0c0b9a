//! Logging in with name and password.

use super::attempt::{Running, tag};
use super::welcome::{device_key, parse, view};
use super::{Service, fault};
use crate::envelope::{Opened, ReplyWay};
use serde::Deserialize;
use std::net::IpAddr;
use tornado_mesh::MeshFault;
use tornado_mesh::auth::AuthError;
use tornado_mesh::session::LiveQuery;
use tornado_mesh::trial::fault_point;
use tornado_shared::api::{LoginBody, LoginPayload, LoginReply};
use tornado_shared::crypto::v2::Purpose;
use tornado_shared::model::{DeviceId, Secret, SessionState, UserId, Username};
use tornado_store::StoreError;
use tornado_store::identity::{DeviceClaim, FactorOwner, LoginOutcome, Proof, User, UserKey};

/// What a v1 envelope holds; other fields of its clients are ignored.
#[derive(Deserialize)]
struct PayloadV1 {
    username_or_email: String,
    password: Secret,
    #[serde(default)]
    totp: Option<Secret>,
}

/// What a payload of either version says.
struct Credentials {
    name: String,
    password: Secret,
    totp: Option<Secret>,
    /// Absent in v1: the device is chosen once the user is known.
    claim: Option<DeviceClaim>,
}

impl Service {
    pub(super) async fn log_in(&self, body: &LoginBody, address: IpAddr) -> Result<LoginReply, AuthError> {
        let now = self.clock.now();
        self.admit(address, now)?;
        let opened = self.open_once(Purpose::Login, body, now).await?;
        fault_point("login.opened");
        let credentials = self.counted(address, credentials(&opened))?;
        let (user, proof) = self.authenticate(&credentials, address).await?;
        let claim = match credentials.claim {
            Some(claim) => claim,
            None => self.v1_claim(user.id).await?,
        };
        let login = self.new_login(claim, &opened.reply, self.clock.now())?;
        fault_point("login.checked");
        let outcome = match self.store.log_in(user.id, &proof, &login).await {
            Err(StoreError::Lapsed(_)) => {
                let proof = self.prove_again(&user, proof, &credentials.password, address).await?;
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

    async fn authenticate(&self, credentials: &Credentials, address: IpAddr) -> Result<(User, Proof), AuthError> {
        let user = self.look_up(&credentials.name).await?;
        let tag = tag(user.as_ref(), &credentials.name);
        let attempt = self.attempt(address, Some(tag), self.clock.now())?;
        let stored = user.as_ref().map(|user| user.password_hash.as_str());
        let right = self.hasher.verify(&credentials.password, stored).await.map_err(fault::hash)?;
        let Some(user) = user.filter(|_| right) else {
            attempt.failed(self.clock.now());
            return Err(AuthError::InvalidCredentials);
        };
        let factor = self.judge_factor(attempt, &user, credentials.totp.as_ref()).await?;
        if !user.is_active {
            return Err(AuthError::UserInactive);
        }
        let proof = Proof { password_hash: user.password_hash.clone(), factor };
        Ok((user, proof))
    }

    /// The stored hash or factor changed while the login was verified. A hash also changes when another login of the account
    /// replaces it by one of the configured cost, so the password is verified once more. A changed factor fails in the
    /// store again: its code was checked against the earlier one.
    pub(super) async fn prove_again(
        &self,
        user: &User,
        proof: Proof,
        password: &Secret,
        address: IpAddr,
    ) -> Result<Proof, AuthError> {
        let attempt = self.attempt(address, Some(tag(Some(user), "")), self.clock.now())?;
        let now = self.store.find_user(UserKey::Id(user.id)).await.map_err(fault::store)?;
        let now = now.ok_or(AuthError::UserInactive)?;
        if !self.hasher.verify(password, Some(&now.password_hash)).await.map_err(fault::hash)? {
            attempt.failed(self.clock.now());
            return Err(AuthError::InvalidCredentials);
        }
        attempt.succeeded();
        Ok(Proof { password_hash: now.password_hash, ..proof })
    }

    /// The second half of an attempt whose password was right. Returns the sealed secret of the factor, if there is one.
    pub(super) async fn judge_factor(
        &self,
        attempt: Running<'_>,
        user: &User,
        code: Option<&Secret>,
    ) -> Result<Option<Vec<u8>>, AuthError> {
        let actor = format!("user:{}", user.username);
        let judged = self.check_factor(FactorOwner::User(user.id), &actor, code).await;
        match &judged {
            Ok(_) => attempt.succeeded(),
            Err(AuthError::TotpInvalid) => attempt.failed(self.clock.now()),
            Err(_) => {}
        }
        judged
    }

    /// Hashes a right password anew when the configured cost has changed. Not worth failing a login for.
    async fn keep_cost(&self, user: &User, password: &Secret) {
        if !self.hasher.is_outdated(&user.password_hash) {
            return;
        }
        let Ok(hash) = self.hasher.hash(password).await else { return };
        if let Err(error) = self.store.rehash_user(user.id, &user.password_hash, &hash).await {
            tracing::warn!(%error, "a password could not be hashed anew");
        }
    }

    /// Names and e-mail addresses are apart: an `@` decides which is meant, and no name holds one.
    pub(super) async fn look_up(&self, typed: &str) -> Result<Option<User>, AuthError> {
        let typed = typed.trim();
        if typed.contains('@') {
            return self.store.find_user(UserKey::Email(typed)).await.map_err(fault::store);
        }
        match typed.parse::<Username>() {
            Ok(name) => self.store.find_user(UserKey::Name(&name)).await.map_err(fault::store),
            Err(_) => Ok(None),
        }
    }

    /// A v1 client gets a device that is not connected, which only `session` knows.
    async fn v1_claim(&self, user: UserId) -> Result<DeviceClaim, AuthError> {
        let live = self.sessions.live(LiveQuery { user_id: Some(user) }).await.map_err(|error| {
            tracing::warn!(%error, "session does not say which devices are connected");
            MeshFault::Unavailable("the session service does not answer; try again in a moment".into())
        })?;
        // A device that went offline holds no slot: whoever lost token and network must get in again (defect 2).
        let holds_slot = |state| matches!(state, SessionState::Connecting | SessionState::Online);
        let live = live.into_iter().filter(|session| holds_slot(session.state));
        let live: Vec<DeviceId> = live.map(|session| session.device_id).collect();
        let name = "v1 client".parse().map_err(|_| fault::internal("a device could not be named"))?;
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
