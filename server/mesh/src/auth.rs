//! Contract of service `auth`: users, devices, invitations, logins, tokens, operators.

use crate::contract::contract;
use crate::token::{TokenError, VerifyingKey};
use crate::{Done, MeshFault, NoInput, ServiceError};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use tornado_shared::api::{Attempt, LoginBody, LoginReply, Profile, ServerInfo, Tokens};
use tornado_shared::crypto::v2::Purpose;
use tornado_shared::model::{
    DeviceId, FamilyId, InvitationId, OperatorId, PresharedKey, PublicKey, Secret, UnixSeconds, UserId, Username,
};

/// Input of [`Auth::open_login`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenLogin {
    /// Log in, or enrol with an invitation.
    pub purpose: Purpose,
    /// The sealed envelope, as it came.
    pub body: LoginBody,
    /// Where it came from; counted by the guard against guessing, never logged above DEBUG.
    pub client_ip: IpAddr,
}

/// Input of [`Auth::refresh`] and [`Auth::logout`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshToken {
    /// The refresh token.
    pub refresh_token: Secret,
    /// Marks one trade, so that it can be repeated when its answer was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
}

/// Input of methods that act for the holder of an access token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessToken {
    /// The access token.
    pub access_token: Secret,
}

/// Input of [`Auth::authorize`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorize {
    /// The access token.
    pub access_token: Secret,
    /// The WireGuard key the device wants to use; it becomes the device's only one.
    pub public_key: PublicKey,
}

/// The right to connect, freshly checked against users, devices and token families.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Grant {
    /// Who.
    pub user_id: UserId,
    /// The account's name, for the operators' view.
    pub username: Username,
    /// With which device.
    pub device_id: DeviceId,
    /// From which login.
    pub family_id: FamilyId,
    /// How many devices of this user may be connected at once.
    pub max_devices: u32,
    /// Preshared keys of both lanes; absent for logins with envelope v1.
    pub preshared_keys: Option<LanePresharedKeys>,
}

/// One preshared key a lane.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LanePresharedKeys {
    /// For the direct lane.
    pub direct: PresharedKey,
    /// For the tor lane.
    pub tor: PresharedKey,
}

/// Input of [`Auth::attest_tls`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttestTls {
    /// SHA-256 of the certificate's SubjectPublicKeyInfo, lower-case hex.
    pub spki_sha256: String,
}

/// Input of [`Auth::create_invitation`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateInvitation {
    /// `Some`: adds a device to this account. `None`: the guest chooses a name and a password.
    #[serde(default)]
    pub username: Option<Username>,
    /// Devices that an account made by it may have connected at once, 1 to 10.
    #[serde(default = "default_max_devices")]
    pub max_devices: u32,
    /// Seconds until it lapses, at most 30 days.
    #[serde(default = "default_invitation_lifetime")]
    pub lifetime: i64,
    /// Host that goes into the link; the server's configured public address when absent.
    #[serde(default)]
    pub host: Option<String>,
}

const fn default_max_devices() -> u32 {
    3
}

const fn default_invitation_lifetime() -> i64 {
    7 * 86_400
}

/// An invitation that was just made. The code is in the link and nowhere else: the store keeps a hash.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InvitationLink {
    /// Its number.
    pub id: InvitationId,
    /// `tornado://…`.
    pub link: Secret,
    /// When it lapses.
    pub expires_at: UnixSeconds,
}

/// A one-time link that makes the first operator.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetupLink {
    /// The code; the console's path is `/setup?code=…`. `None`: an operator exists already.
    pub code: Option<Secret>,
}

/// Input of [`Auth::redeem_setup`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedeemSetup {
    /// The one-time code.
    pub code: Secret,
    /// The first operator's name.
    pub name: Username,
    /// The first operator's password.
    pub password: Secret,
}

/// Input of [`Auth::put_operator`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutOperator {
    /// The name.
    pub name: Username,
    /// The password.
    pub password: Secret,
}

/// An operator, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Its number.
    pub id: OperatorId,
    /// The name.
    pub name: Username,
    /// When it was made.
    pub created_at: UnixSeconds,
}

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
    /// Failure on the way.
    #[error(transparent)]
    Mesh(MeshFault),
}

impl From<MeshFault> for AuthError {
    fn from(fault: MeshFault) -> Self {
        Self::Mesh(fault)
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
            | Self::Revoked => 401,
            Self::InvalidInvitation | Self::InvalidSetupCode => 410,
            Self::NameTaken | Self::KeyInUse => 409,
            Self::TooManyAttempts { .. } => 429,
            Self::Busy { .. } => 503,
            Self::Mesh(fault) => fault.status(),
        }
    }

    fn code(&self) -> &'static str {
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
            Self::Mesh(fault) => fault.code(),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        if let Self::TooManyAttempts { retry_after } | Self::Busy { retry_after } = self {
            return Some(*retry_after);
        }
        None
    }
}

contract! {
    /// The only reader of the key directory and the only judge of who somebody is.
    trait Auth, client AuthClient, error AuthError {
        /// Public statement of the server: identity, login keys, certificate.
        server_info(NoInput) -> ServerInfo = GET "/v1/server", within 5, up to 0, for [ClientApi, Admin];
        /// Opens a login or enrolment envelope and answers in kind (v1 plain, v2 sealed).
        open_login(OpenLogin) -> LoginReply = POST "/v1/login", within 20, up to 32_768, for [ClientApi];
        /// Trades a refresh token for a new pair; a spent one ends its whole family, unless it is the latest
        /// trade repeated with the same attempt.
        refresh(RefreshToken) -> Tokens = POST "/v1/refresh", within 5, up to 16_384, for [ClientApi];
        /// Ends the login and the device's session.
        logout(RefreshToken) -> Done = POST "/v1/logout", within 10, up to 16_384, for [ClientApi];
        /// Who holds this access token.
        whoami(AccessToken) -> Profile = POST "/v1/whoami", within 5, up to 16_384, for [ClientApi, Session];
        /// May this device connect with this key? Registers the key as the device's only one.
        authorize(Authorize) -> Grant = POST "/v1/authorize", within 5, up to 16_384, for [Session];
        /// Public halves of the signing keys.
        verifying_keys(NoInput) -> Vec<VerifyingKey> = GET "/v1/keys", within 5, up to 0, for [Session, ClientApi, Admin];
        /// Takes note of the edge's certificate, so that invitations and the server's statement carry it.
        attest_tls(AttestTls) -> Done = PUT "/v1/tls", within 5, up to 1_024, for [ClientApi];
        /// Makes an invitation.
        create_invitation(CreateInvitation) -> InvitationLink = POST "/v1/invitations", within 5, up to 4_096, for [Admin];
        /// Makes a fresh set-up code while there is no operator.
        setup_link(NoInput) -> SetupLink = POST "/v1/setup-link", within 5, up to 1_024, for [];
        /// Makes the first operator by a set-up code.
        redeem_setup(RedeemSetup) -> Operator = POST "/v1/setup", within 20, up to 4_096, for [Admin];
        /// Makes an operator or sets an operator's password.
        put_operator(PutOperator) -> Operator = PUT "/v1/operators", within 20, up to 4_096, for [];
    }
}
