//! What service `auth` can answer besides success.

use crate::token::TokenError;
use serde::{Deserialize, Serialize};
use tornado_rpc::{Fault, ServiceError};

/// What `auth` can answer besides success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind", content = "data")]
pub enum AuthError {
    /// The envelope does not open, is stale, replayed, or for another purpose.
    #[error("the encrypted payload was refused; check the device's clock and try again")]
    InvalidEnvelope,
    /// The clocks differ by more than the envelope allows.
    #[error("the device's clock is {skew_seconds} seconds away from the server's; set it and try again")]
    ClockSkew {
        /// Server's time less the device's, seconds.
        skew_seconds: i64,
    },
    /// Sealed to a login key that is no longer in use: fetch the server's information again.
    #[error("the login key has changed; fetch it again")]
    UnknownLoginKey,
    /// The payload opened, but fields are missing or out of bounds.
    #[error("{0}")]
    InvalidFields(String),
    /// Name or password is wrong. Which one is never said.
    #[error("the name or the password is wrong")]
    InvalidCredentials,
    /// The account is suspended or gone.
    #[error("this account is not active; ask the operator")]
    UserInactive,
    /// Too many failures from this address or for this account.
    #[error("too many failed attempts; wait {retry_after} seconds")]
    TooManyAttempts {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// The server is busy with other logins.
    #[error("too many logins at once; try again in {retry_after} seconds")]
    Busy {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// All device slots are taken by connected devices.
    #[error("all device slots of this account are in use; disconnect another device first")]
    MaxDevices,
    /// The invitation is unknown, used or lapsed.
    #[error("this invitation is not valid any more; ask the operator for a new one")]
    InvalidInvitation,
    /// The name is taken.
    #[error("this name is taken; choose another")]
    NameTaken,
    /// The set-up code is unknown, used, or an operator exists already.
    #[error("this set-up link is not valid any more; run `tornadod setup-link` on the server for a new one")]
    InvalidSetupCode,
    /// The access token is not good.
    #[error("authentication failed: {0}")]
    Token(TokenError),
    /// The refresh token's time is over.
    #[error("the login has expired; log in again")]
    RefreshExpired,
    /// The refresh token is not one of ours.
    #[error("the refresh token is not valid; log in again")]
    RefreshInvalid,
    /// A refresh token was used twice: the whole login was ended.
    #[error("this login was used from two places and has been ended; log in again")]
    RefreshReused,
    /// The login was ended or the device removed.
    #[error("this login has been ended; log in again")]
    Revoked,
    /// This WireGuard key already belongs to another device.
    #[error("this WireGuard key is in use by another device; make a new one")]
    KeyInUse,
    /// The password was right; this account also asks for a code of its authenticator.
    #[error("this account asks for a code of its authenticator app; send it with the password")]
    TotpRequired,
    /// The code of the authenticator was wrong or used before.
    #[error("the code is wrong or was used before; wait for the next one")]
    TotpInvalid,
    /// There is no such thing.
    #[error("there is no {0} of this name or number")]
    NotFound(String),
    /// Nobody could administer the server afterwards.
    #[error("this is the last owner; make another owner first")]
    LastOwner,
    /// The operator's role does not reach that far.
    #[error("your role does not allow this")]
    NotAllowed,
    /// The operator's sign-in has ended.
    #[error("your sign-in has ended; sign in again")]
    SignedOut,
    /// The call failed on its way.
    #[error(transparent)]
    #[serde(rename = "mesh")]
    Fault(Fault),
}

impl From<Fault> for AuthError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl ServiceError for AuthError {
    fn status(&self) -> u16 {
        match self {
            Self::InvalidEnvelope | Self::ClockSkew { .. } | Self::UnknownLoginKey | Self::InvalidFields(_) => 400,
            Self::InvalidCredentials
            | Self::UserInactive
            | Self::MaxDevices
            | Self::Token(_)
            | Self::RefreshExpired
            | Self::RefreshInvalid
            | Self::RefreshReused
            | Self::Revoked
            | Self::TotpRequired
            | Self::TotpInvalid
            | Self::SignedOut => 401,
            Self::NotAllowed => 403,
            Self::NotFound(_) => 404,
            Self::InvalidInvitation | Self::InvalidSetupCode => 410,
            Self::NameTaken | Self::KeyInUse | Self::LastOwner => 409,
            Self::TooManyAttempts { .. } => 429,
            Self::Busy { .. } => 503,
            Self::Fault(fault) => fault.status(),
        }
    }

    fn code(&self) -> &str {
        match self {
            Self::InvalidEnvelope => "invalid_encrypted_payload",
            Self::ClockSkew { .. } => "clock_skew",
            Self::UnknownLoginKey => "unknown_login_key",
            Self::InvalidFields(_) => "invalid_fields",
            Self::InvalidCredentials => "invalid_credentials",
            Self::UserInactive => "user_inactive",
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::Busy { .. } => "busy",
            Self::MaxDevices => "max_devices_exceeded",
            Self::InvalidInvitation => "invalid_invitation",
            Self::NameTaken => "name_taken",
            Self::InvalidSetupCode => "invalid_setup_code",
            Self::Token(TokenError::Expired) => "token_expired",
            Self::Token(TokenError::Invalid | TokenError::UnknownKey) => "invalid_token",
            Self::RefreshExpired => "refresh_token_expired",
            Self::RefreshInvalid => "invalid_refresh_token",
            Self::RefreshReused => "token_revoked_reuse_detected",
            Self::Revoked => "revoked",
            Self::KeyInUse => "key_in_use",
            Self::TotpRequired => "totp_required",
            Self::TotpInvalid => "totp_invalid",
            Self::NotFound(_) => "not_found",
            Self::LastOwner => "last_owner",
            Self::NotAllowed => "not_allowed",
            Self::SignedOut => "signed_out",
            Self::Fault(fault) => fault.code(),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        if let Self::TooManyAttempts { retry_after } | Self::Busy { retry_after } = self {
            return Some(*retry_after);
        }
        None
    }
}
