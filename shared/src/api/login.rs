//! Login, enrolment, tokens.

use crate::crypto::encoding::Bytes;
use crate::crypto::v1::EnvelopeV1;
use crate::crypto::v2::{EnvelopeV2, SealedReply};
use crate::model::{DeviceId, DeviceName, Secret, UserId, Username};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Body of `POST /auth/login`: either version. `"version": 2` marks the second.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LoginBody {
    /// Hybrid, bound, replay-proof.
    V2(Box<EnvelopeV2>),
    /// The original's.
    V1(EnvelopeV1),
}

/// What a v2 login envelope holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginPayload {
    /// Account name or e-mail address.
    pub username_or_email: String,
    /// Password.
    pub password: Secret,
    /// The device's stable key: Ed25519 public key, base64url without padding.
    pub device_key: String,
    /// What the user calls the device; only used when the device is new.
    pub device_name: DeviceName,
    /// Code of the account's authenticator, or a recovery code; after the answer `totp_required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Secret>,
}

/// What an enrolment envelope holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrollPayload {
    /// The invitation's one-time code.
    pub code: Secret,
    /// The account's name. Must be absent or equal for an invitation that adds a device to an account.
    #[serde(default)]
    pub username: Option<Username>,
    /// The account's password, new or existing, at least 10 characters when new.
    pub password: Secret,
    /// As in [`LoginPayload`].
    pub device_key: String,
    /// As in [`LoginPayload`].
    pub device_name: DeviceName,
    /// As in [`LoginPayload`]; for an account that exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Secret>,
}

/// What a sealed v2 reply holds, for login and enrolment alike.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WelcomePayload {
    /// The account.
    pub user: UserView,
    /// Both tokens.
    pub tokens: Tokens,
    /// The device.
    pub device_id: DeviceId,
}

/// Answer to a login.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LoginReply {
    /// Sealed under the envelope's own secret.
    V2(V2),
    /// Plain inside TLS, as the original's clients expect it.
    V1(Box<LoginReplyV1>),
}

/// A v2 answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct V2 {
    /// Always 2.
    pub version: V2Tag,
    /// [`WelcomePayload`], sealed.
    pub reply: SealedReply,
}

/// The number 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct V2Tag;

impl TryFrom<u8> for V2Tag {
    type Error = &'static str;
    fn try_from(n: u8) -> Result<Self, Self::Error> {
        if n == 2 { Ok(Self) } else { Err("only version 2 is known") }
    }
}

impl From<V2Tag> for u8 {
    fn from(_: V2Tag) -> Self {
        2
    }
}

/// A v1 answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoginReplyV1 {
    /// `ok`.
    pub status: String,
    /// The account.
    pub user: UserView,
    /// Both tokens.
    pub tokens: Tokens,
    /// The device.
    pub device_id: DeviceId,
}

/// An account as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserView {
    /// Its number.
    pub id: UserId,
    /// Its name.
    pub username: Username,
    /// Its address, or an empty text.
    pub email: String,
    /// True unless suspended.
    pub is_active: bool,
}

/// A token pair.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tokens {
    /// JWT, 15 minutes.
    pub access_token: Secret,
    /// JWT, 7 days, one use.
    pub refresh_token: Secret,
    /// Number of the access token.
    pub access_jti: Uuid,
    /// Number of the refresh token.
    pub refresh_jti: Uuid,
    /// The device.
    pub device_id: DeviceId,
    /// Seconds until the access token expires.
    pub expires_in: i64,
}

/// Body of reauth and logout.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refresh {
    /// The refresh token.
    pub refresh_token: Secret,
    /// Reauth only: a number the client drew for this trade and keeps until the answer has arrived. The same token with
    /// the same number is the same trade repeated, not a token used twice. Clients of the original send none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
}

/// Random bytes that mark one trade of a refresh token.
pub type Attempt = Bytes<16>;

/// Who is asking: `GET /v2/me`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The account.
    pub user: UserView,
    /// The device.
    pub device_id: DeviceId,
    /// What the user calls it.
    pub device_name: DeviceName,
    /// Devices that may be connected at once.
    pub max_devices: u32,
    /// Bytes that the account may move in a calendar month (UTC); none: as many as it likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month_quota: Option<u64>,
}

/// A secret for an authenticator app (RFC 6238: SHA-1, 6 digits, 30 seconds). Asked for once it is confirmed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TotpOffer {
    /// Base32, to be typed.
    pub secret: Secret,
    /// `otpauth://totp/…`, for a QR code.
    pub url: Secret,
}

/// Codes that each stand once for a code of the authenticator. Shown once; the server keeps hashes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecoveryCodes {
    /// Ten.
    pub codes: Vec<Secret>,
}
