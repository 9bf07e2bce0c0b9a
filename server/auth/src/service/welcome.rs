//! Steps shared by logins and enrolments: the new login row and the reply.

use super::{Service, fault};
use crate::envelope::ReplyWay;
use crate::tokens::Holder;
use serde::de::DeserializeOwned;
use tornado_contracts::auth::AuthError;
use tornado_shared::api::{LoginReply, LoginReplyV1, UserView, V2, V2Tag, WelcomePayload};
use tornado_shared::crypto::identity::IdentityPublic;
use tornado_shared::model::{DeviceId, FamilyId, UnixSeconds, UserId, Username};
use tornado_store::identity::{DeviceClaim, NewLogin, User};
use uuid::Uuid;

impl Service {
    /// A login to be stored, with its export secret sealed.
    pub(super) fn new_login(
        &self,
        device: DeviceClaim,
        reply: &ReplyWay,
        now: UnixSeconds,
    ) -> Result<NewLogin, AuthError> {
        let family = FamilyId::random();
        let sealed_export = match reply {
            ReplyWay::Plain => None,
            ReplyWay::Sealed(replier) => {
                let sealed = self.keys.at_rest.seal(family, replier.export_secret(), rand::random());
                Some(sealed.map_err(fault::seal)?)
            }
        };
        Ok(NewLogin {
            new_device: DeviceId::random(),
            device,
            family,
            refresh_jti: Uuid::new_v4(),
            sealed_export,
            now,
            expires_at: now.saturating_add(self.config.refresh_lifetime),
        })
    }

    /// The reply to a stored login.
    pub(super) fn welcome(
        &self,
        user: UserView,
        device: DeviceId,
        login: &NewLogin,
        reply: ReplyWay,
    ) -> Result<LoginReply, AuthError> {
        let holder = Holder { user: user.id, device, family: login.family };
        let tokens = self.keys.tokens().write(holder, login.refresh_jti, login.now, self.lifetimes());
        let tokens = tokens.map_err(|_| fault::internal("cannot sign a token"))?;
        match reply {
            ReplyWay::Plain => {
                let status = "ok".to_owned();
                Ok(LoginReply::V1(Box::new(LoginReplyV1 { status, user, tokens, device_id: device })))
            }
            ReplyWay::Sealed(replier) => {
                let payload = serde_json::to_vec(&WelcomePayload { user, tokens, device_id: device });
                let payload = zeroize::Zeroizing::new(payload.map_err(|_| fault::internal("cannot encode a reply"))?);
                let (reply, _) = replier.seal(&payload).map_err(|_| fault::internal("cannot seal a reply"))?;
                Ok(LoginReply::V2(V2 { version: V2Tag, reply }))
            }
        }
    }
}

/// Parses a payload. The parser's message could contain a password, so it is not forwarded.
pub(super) fn parse<T: DeserializeOwned>(payload: &[u8], expected: &'static str) -> Result<T, AuthError> {
    serde_json::from_slice(payload)
        .map_err(|_| AuthError::InvalidFields(format!("fields are missing or malformed; expected {expected}")))
}

/// A device's stable key: 32 bytes in base64url, a point on the curve that does not have small order.
pub(super) fn device_key(text: &str) -> Result<[u8; 32], AuthError> {
    let wrong = || AuthError::InvalidFields("device_key must be an Ed25519 public key in base64url".into());
    let key: IdentityPublic = serde_json::from_value(serde_json::Value::from(text)).map_err(|_| wrong())?;
    match ed25519_dalek::VerifyingKey::from_bytes(&key.0.0) {
        Ok(point) if !point.is_weak() => Ok(key.0.0),
        Ok(_) | Err(_) => Err(wrong()),
    }
}

pub(super) fn view(user: &User) -> UserView {
    new_view(user.id, user.username.clone(), user.email.clone(), user.is_active)
}

pub(super) fn new_view(id: UserId, username: Username, email: Option<String>, is_active: bool) -> UserView {
    UserView { id, username, email: email.unwrap_or_default(), is_active }
}
