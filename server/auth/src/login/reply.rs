//! Steps shared by logins and enrolments: payload fields and the reply.

use super::envelope::ReplyWay;
use crate::core::Core;
use crate::{fault, tokens};
use serde::de::DeserializeOwned;
use tornado_contracts::auth::AuthError;
use tornado_shared::api::{LoginReply, LoginReplyV1, UserView, V2, V2Tag, WelcomePayload};
use tornado_shared::crypto::identity::IdentityPublic;
use tornado_shared::model::DeviceId;
use tornado_store::identity::NewLogin;

/// The reply to a stored login.
pub fn welcome(
    core: &Core,
    user: UserView,
    device: DeviceId,
    login: &NewLogin,
    reply: ReplyWay,
) -> Result<LoginReply, AuthError> {
    let tokens = tokens::issue(core, user.id, device, login, None)?;
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

/// Parses a payload. The parser's message could contain a password, so it is not forwarded.
pub fn parse<T: DeserializeOwned>(payload: &[u8], expected: &'static str) -> Result<T, AuthError> {
    serde_json::from_slice(payload)
        .map_err(|_| AuthError::InvalidFields(format!("fields are missing or malformed; expected {expected}")))
}

/// A device's stable key: 32 bytes in base64url, a point on the curve that does not have small order.
pub fn device_key(text: &str) -> Result<[u8; 32], AuthError> {
    let wrong = || AuthError::InvalidFields("device_key must be an Ed25519 public key in base64url".into());
    let key: IdentityPublic = serde_json::from_value(serde_json::Value::from(text)).map_err(|_| wrong())?;
    match ed25519_dalek::VerifyingKey::from_bytes(&key.0.0) {
        Ok(point) if !point.is_weak() => Ok(key.0.0),
        Ok(_) | Err(_) => Err(wrong()),
    }
}
