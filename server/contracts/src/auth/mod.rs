//! Contracts of service `auth`, served on one socket. Here: what devices and other services need (logins, tokens,
//! invitations, the first operator). Beside it, one file each: [`audit`], [`users`], [`operators`], [`keys`].

pub mod audit;
mod error;
pub mod import;
pub mod keys;
pub mod operators;
pub mod users;

pub use error::AuthError;

use crate::token::VerifyingKey;
use crate::{ServiceName, Treatment, UserTreatment};
use operators::SignedIn;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use tornado_rpc::{Done, NoInput};
use tornado_shared::api::{Attempt, LoginBody, LoginReply, Profile, ServerInfo, Tokens};
use tornado_shared::crypto::v2::Purpose;
use tornado_shared::model::{
    DeviceId, FamilyId, InvitationId, OperatorId, PresharedKey, PublicKey, Secret, UnixSeconds, UserId, Username,
};

/// An act that needs a right, and on whose behalf it is done.
///
/// The command line (uid 0) names nobody. Service `admin` passes the operator's sign-in token; `auth` checks session and
/// role each time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Acting<T> {
    /// Token of the operator's sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Secret>,
    /// What is to be done.
    #[serde(flatten)]
    pub what: T,
}

impl<T> Acting<T> {
    /// An act of the command line.
    pub const fn root(what: T) -> Self {
        Self { operator: None, what }
    }

    /// An act of an operator who signed in.
    pub const fn operator(token: Secret, what: T) -> Self {
        Self { operator: Some(token), what }
    }
}

/// Everything that service `auth` serves, on one router.
pub fn routers<S>(service: std::sync::Arc<S>) -> tornado_rpc::Router
where
    S: Auth + audit::Audit + users::Users + operators::Operators + keys::KeyRing + import::Import,
{
    router(service.clone())
        .merge(audit::router(service.clone()))
        .merge(users::router(service.clone()))
        .merge(operators::router(service.clone()))
        .merge(keys::router(service.clone()))
        .merge(import::router(service))
}

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
    /// True: an ordinary WireGuard app will use it, which renews no tokens. Its login is kept until somebody ends it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain: bool,
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
    /// Bytes that this user may move in a calendar month; none: as many as it likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month_quota: Option<u64>,
    /// Its rates and exceptions.
    #[serde(default, skip_serializing_if = "Treatment::is_usual")]
    pub treatment: Treatment,
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
    /// How far its rights reach.
    pub role: operators::OperatorRole,
    /// True when a sign-in asks for a code.
    pub totp: bool,
    /// When it was made.
    pub created_at: UnixSeconds,
}

tornado_rpc::contract! {
    /// The only reader of the key directory and the only judge of who somebody is.
    trait Auth, client AuthClient, error AuthError, callers ServiceName {
        /// Public statement of the server: identity, login keys, certificate.
        server_info(NoInput) -> ServerInfo = GET "/v1/server", within 15, up to 0, for [ClientApi, Admin];
        /// Opens a login or enrolment envelope and answers in kind (v1 plain, v2 sealed).
        open_login(OpenLogin) -> LoginReply = POST "/v1/login", within 20, up to 32_768, for [ClientApi];
        /// Trades a refresh token for a new pair; a spent one ends its whole family, unless it is the latest
        /// trade repeated with the same attempt.
        refresh(RefreshToken) -> Tokens = POST "/v1/refresh", within 20, up to 16_384, for [ClientApi];
        /// Ends the login and the device's session.
        logout(RefreshToken) -> Done = POST "/v1/logout", within 20, up to 16_384, for [ClientApi];
        /// Who holds this access token.
        whoami(AccessToken) -> Profile = POST "/v1/whoami", within 15, up to 16_384, for [ClientApi, Session];
        /// May this device connect with this key? Registers the key as the device's only one.
        authorize(Authorize) -> Grant = POST "/v1/authorize", within 10, up to 16_384, for [Session];
        /// Public halves of the signing keys.
        verifying_keys(NoInput) -> Vec<VerifyingKey> = GET "/v1/keys", within 10, up to 0, for [Session, ClientApi, Admin];
        /// Every account that is treated otherwise than most.
        treatments(NoInput) -> Vec<UserTreatment> = GET "/v1/treatments", within 10, up to 0, for [Session];
        /// Takes note of the edge's certificate, so that invitations and the server's statement carry it.
        attest_tls(AttestTls) -> Done = PUT "/v1/tls", within 10, up to 1_024, for [ClientApi];
        /// Makes an invitation.
        create_invitation(Acting<CreateInvitation>) -> InvitationLink = POST "/v1/invitations", within 15, up to 4_096, for [Admin];
        /// Makes a fresh set-up code while there is no operator.
        setup_link(NoInput) -> SetupLink = POST "/v1/setup-link", within 15, up to 1_024, for [];
        /// Makes the first operator by a set-up code, and signs it in.
        redeem_setup(RedeemSetup) -> SignedIn = POST "/v1/setup", within 20, up to 4_096, for [Admin];
        /// Makes an operator or sets an operator's password.
        put_operator(PutOperator) -> Operator = PUT "/v1/operators", within 20, up to 4_096, for [];
    }
}
