//! Errors of service `auth`.

use crate::token::TokenError;
use serde::{Deserialize, Serialize};
use tornado_rpc::Fault;

/// Errors of service `auth`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind", content = "data")]
pub enum AuthError {
    /// The envelope cannot be decrypted, is stale, was replayed, or has another purpose.
    #[error("cannot open the encrypted payload; check the device's clock and try again")]
    InvalidEnvelope,
    /// The device's clock differs from the server's by more than the envelope format allows.
    #[error("the device's clock differs from the server's by {skew_seconds} seconds; set it and try again")]
    ClockSkew {
        /// Server time minus device time, seconds.
        skew_seconds: i64,
    },
    /// The envelope is sealed to a login key that is no longer in use. The client fetches the server information again.
    #[error("the login key has changed; fetch the current one")]
    UnknownLoginKey,
    /// The payload was decrypted, but fields are missing or out of range.
    #[error("{0}")]
    InvalidFields(String),
    /// The name or the password is wrong. The response does not reveal which.
    #[error("the user name or password is wrong")]
    InvalidCredentials,
    /// The name or the password of an operator's sign-in is wrong. The response does not reveal which.
    #[error("the name or the password is wrong; attempts left: {attempts_left}")]
    SignInRefused {
        /// Further failures after which this source has to wait, whatever the name.
        attempts_left: u32,
    },
    /// The account is suspended or deleted.
    #[error("this account is not active; ask the operator")]
    UserInactive,
    /// Too many failed attempts from this address or for this account.
    #[error("too many failed attempts; try again in {retry_after} seconds")]
    TooManyAttempts {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// The queue for password checks is full.
    #[error("too many logins at once; try again in {retry_after} seconds")]
    Busy {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// All device slots are occupied by connected devices.
    #[error("all device slots of this account are in use; disconnect another device first")]
    MaxDevices,
    /// The invitation is unknown, used or expired.
    #[error("this invitation is no longer valid; ask the operator for a new one")]
    InvalidInvitation,
    /// The name is taken.
    #[error("this name is already taken; choose another")]
    NameTaken,
    /// The set-up code is unknown or used, or an operator already exists.
    #[error("this set-up link is no longer valid; run `tornadod setup-link` on the server for a new one")]
    InvalidSetupCode,
    /// The access token was rejected.
    #[error("authentication failed: {0}")]
    Token(TokenError),
    /// The refresh token has expired.
    #[error("the login has expired; log in again")]
    RefreshExpired,
    /// The refresh token was not issued by this server.
    #[error("the refresh token is not valid; log in again")]
    RefreshInvalid,
    /// A refresh token was reused, so the whole login was revoked.
    #[error("a refresh token of this login was used twice, so the login was revoked; log in again")]
    RefreshReused,
    /// The login was revoked or the device removed.
    #[error("this login has ended; log in again")]
    Revoked,
    /// This WireGuard key already belongs to another device.
    #[error("this WireGuard key is in use by another device; generate a new key")]
    KeyInUse,
    /// The password is right, but the account also requires an authenticator code.
    #[error("this account requires a code from its authenticator app; send it with the password")]
    TotpRequired,
    /// The authenticator code is wrong or was already used.
    #[error("the code is wrong or was already used; wait for the next one")]
    TotpInvalid,
    /// The named object does not exist.
    #[error("{0} not found")]
    NotFound(String),
    /// The change would leave the server without an owner.
    #[error("this is the only owner; add another owner first")]
    LastOwner,
    /// The operator's role does not include the right.
    #[error("your role does not allow this")]
    NotAllowed,
    /// The right requires that the operator confirmed the password a short time ago.
    #[error("confirm your password and try again")]
    ConfirmationRequired,
    /// The passkey or its signature was not accepted, or the challenge has expired.
    #[error("the passkey was not accepted; try again, or sign in with your password")]
    PasskeyRefused,
    /// The API token is unknown or was revoked.
    #[error("this API token is not valid or was revoked; create a new one in the console")]
    ApiTokenInvalid,
    /// The API token has expired.
    #[error("this API token has expired; create a new one in the console")]
    ApiTokenExpired,
    /// The scopes of the API token do not include the right.
    #[error("the scopes of this API token do not allow this")]
    OutOfScope,
    /// The operator's sign-in has ended.
    #[error("your sign-in has ended; sign in again")]
    SignedOut,
    /// The call itself failed.
    #[error(transparent)]
    Fault(Fault),
}

tornado_rpc::service_error! {
    AuthError {
        Self::InvalidEnvelope => 400, "invalid_encrypted_payload";
        Self::ClockSkew { .. } => 400, "clock_skew";
        Self::UnknownLoginKey => 400, "unknown_login_key";
        Self::InvalidFields(_) => 400, "invalid_fields";
        Self::InvalidCredentials => 401, "invalid_credentials";
        Self::SignInRefused { .. } => 401, "invalid_credentials";
        Self::UserInactive => 401, "user_inactive";
        Self::TooManyAttempts { retry_after } => 429, "too_many_attempts", retry after *retry_after;
        Self::Busy { retry_after } => 503, "busy", retry after *retry_after;
        Self::MaxDevices => 401, "max_devices_exceeded";
        Self::InvalidInvitation => 410, "invalid_invitation";
        Self::NameTaken => 409, "name_taken";
        Self::InvalidSetupCode => 410, "invalid_setup_code";
        Self::Token(TokenError::Expired) => 401, "token_expired";
        Self::Token(TokenError::Invalid | TokenError::UnknownKey) => 401, "invalid_token";
        Self::RefreshExpired => 401, "refresh_token_expired";
        Self::RefreshInvalid => 401, "invalid_refresh_token";
        Self::RefreshReused => 401, "token_revoked_reuse_detected";
        Self::Revoked => 401, "revoked";
        Self::KeyInUse => 409, "key_in_use";
        Self::TotpRequired => 401, "totp_required";
        Self::TotpInvalid => 401, "totp_invalid";
        Self::NotFound(_) => 404, "not_found";
        Self::LastOwner => 409, "last_owner";
        Self::NotAllowed => 403, "not_allowed";
        Self::ConfirmationRequired => 403, "confirmation_required";
        Self::PasskeyRefused => 401, "passkey_refused";
        Self::ApiTokenInvalid => 401, "invalid_api_token";
        Self::ApiTokenExpired => 401, "api_token_expired";
        Self::OutOfScope => 403, "out_of_scope";
        Self::SignedOut => 401, "signed_out";
    }
}
