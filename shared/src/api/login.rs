//! Login, enrolment and tokens.

use crate::crypto::encoding::Bytes;
use crate::crypto::v1::EnvelopeV1;
use crate::crypto::v2::{EnvelopeV2, SealedReply, V2Tag};
use crate::model::{DeviceId, DeviceName, Secret, UserId, Username};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Body of `POST /auth/login` in either version. `"version": 2` marks version 2.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LoginBody {
    /// Version 2: hybrid key exchange, bound to the server, protected against replay.
    V2(Box<EnvelopeV2>),
    /// Version 1, of the original.
    V1(EnvelopeV1),
}

/// Content of a v2 login envelope.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginPayload {
    /// Account name or e-mail address.
    pub username_or_email: String,
    /// Password of the account.
    pub password: Secret,
    /// The device's long-term Ed25519 public key, base64url without padding.
    pub device_key: String,
    /// Name of the device; only used if the device is new.
    pub device_name: DeviceName,
    /// Authenticator code or recovery code; required after the error `totp_required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Secret>,
}

/// Content of an enrolment envelope.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrollPayload {
    /// The invitation's one-time code.
    pub code: Secret,
    /// Name of the account. If the invitation adds a device to an account, it must be absent or that account's name.
    #[serde(default)]
    pub username: Option<Username>,
    /// Password of the account, new or existing; at least 10 characters for a new account.
    pub password: Secret,
    /// As in [`LoginPayload`].
    pub device_key: String,
    /// As in [`LoginPayload`].
    pub device_name: DeviceName,
    /// As in [`LoginPayload`]; for an existing account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Secret>,
}

/// Content of a sealed v2 reply to a login or an enrolment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WelcomePayload {
    /// The account.
    pub user: UserView,
    /// The access and the refresh token.
    pub tokens: Tokens,
    /// ID of the device.
    pub device_id: DeviceId,
}

/// Response to a login.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LoginReply {
    /// Sealed with a key derived from the envelope's secret.
    V2(V2),
    /// Plain inside TLS, as clients of the original expect it.
    V1(Box<LoginReplyV1>),
}

/// Response to a v2 envelope.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct V2 {
    /// Always 2.
    pub version: V2Tag,
    /// [`WelcomePayload`], sealed.
    pub reply: SealedReply,
}

/// Response to a v1 envelope.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoginReplyV1 {
    /// Always `ok`.
    pub status: String,
    /// The account.
    pub user: UserView,
    /// The access and the refresh token.
    pub tokens: Tokens,
    /// ID of the device.
    pub device_id: DeviceId,
}

/// The account as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserView {
    /// The account's ID.
    pub id: UserId,
    /// Name of the account.
    pub username: Username,
    /// E-mail address, or an empty text.
    pub email: String,
    /// True unless the account is suspended.
    pub is_active: bool,
}

/// A pair of tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tokens {
    /// JWT, valid for 15 minutes.
    pub access_token: Secret,
    /// JWT, valid for 7 days, for one use.
    pub refresh_token: Secret,
    /// ID of the access token.
    pub access_jti: Uuid,
    /// ID of the refresh token.
    pub refresh_jti: Uuid,
    /// ID of the device.
    pub device_id: DeviceId,
    /// Seconds until the access token expires.
    pub expires_in: i64,
}

/// Body of a refresh or a logout.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refresh {
    /// The refresh token.
    pub refresh_token: Secret,
    /// Refresh only: idempotency key, which the client generates and keeps until a response arrives. The same token
    /// with the same key is a repeated request, not a reused token. Clients of the original do not send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// Idempotency key of a refresh: random bytes.
pub type IdempotencyKey = Bytes<16>;

/// Response to `GET /v2/me`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The account.
    pub user: UserView,
    /// ID of the device.
    pub device_id: DeviceId,
    /// Name of the device.
    pub device_name: DeviceName,
    /// Maximum number of devices connected at the same time.
    pub max_devices: u32,
    /// Bytes that the account may transfer per calendar month (UTC); `None` if there is no quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month_quota: Option<u64>,
}

/// A secret for an authenticator app (RFC 6238: SHA-1, 6 digits, 30 seconds). Codes are required once it is confirmed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TotpOffer {
    /// The secret in Base32, for manual entry.
    pub secret: Secret,
    /// `otpauth://totp/…`, for a QR code.
    pub url: Secret,
}

/// Recovery codes, each valid once instead of an authenticator code. They are shown once; the server stores hashes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecoveryCodes {
    /// Ten codes.
    pub codes: Vec<Secret>,
}
