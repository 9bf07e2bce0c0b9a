//! The contract for devices and other services: logins, tokens, invitations, the first operator.

use super::acting::Acting;
use super::error::AuthError;
use super::operators::{Operator, SignedIn};
use crate::token::VerifyingKey;
use crate::{ServiceName, TrafficPolicy, UserTrafficPolicy};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use tornado_rpc::{Done, NoInput};
use tornado_shared::api::{IdempotencyKey, LoginBody, LoginReply, Profile, ServerInfo, Tokens};
use tornado_shared::crypto::v2::Purpose;
use tornado_shared::model::{
    DeviceId, FamilyId, InvitationId, PresharedKey, PublicKey, Secret, UnixSeconds, UserId, Username,
};

/// Input of [`Auth::open_login`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenLogin {
    /// Log in, or enrol with an invitation.
    pub purpose: Purpose,
    /// The sealed envelope, unchanged.
    pub body: LoginBody,
    /// Client address; used by the guard against guessing, never logged above DEBUG.
    pub client_ip: IpAddr,
}

/// Input of [`Auth::refresh`] and [`Auth::logout`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshToken {
    /// The refresh token.
    pub refresh_token: Secret,
    /// Idempotency key of one refresh: the device repeats it when the response was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
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
    /// The WireGuard key of the device. It replaces any earlier key of the device.
    pub public_key: PublicKey,
    /// True: an exported device. It refreshes no tokens, and its login lasts until it is revoked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exported: bool,
}

/// The right to connect, checked against users, devices and token families during this call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Grant {
    /// The account.
    pub user_id: UserId,
    /// The account's name, shown to operators.
    pub username: Username,
    /// The device.
    pub device_id: DeviceId,
    /// The login, by its token family.
    pub family_id: FamilyId,
    /// Maximum number of the account's devices connected at once.
    pub max_devices: u32,
    /// Monthly quota of the account, bytes; `None`: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month_quota: Option<u64>,
    /// The account's traffic policy.
    #[serde(default, skip_serializing_if = "TrafficPolicy::is_default")]
    pub traffic_policy: TrafficPolicy,
    /// Preshared keys of both lanes; absent for logins with envelope v1.
    pub preshared_keys: Option<LanePresharedKeys>,
}

/// One preshared key per lane.
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
    pub username: Option<Username>,
    /// Maximum number of devices connected at once for an account created with it, 1 to 10.
    #[serde(default = "crate::number::<3>")]
    pub max_devices: u32,
    /// Seconds until it expires, at most 30 days.
    #[serde(default = "default_invitation_lifetime")]
    pub lifetime: i64,
    /// Host for the link; default: the server's configured public address.
    pub host: Option<String>,
}

const fn default_invitation_lifetime() -> i64 {
    7 * 86_400
}

/// A newly created invitation. Only the link contains the code; the store holds a hash of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InvitationLink {
    /// Its id.
    pub id: InvitationId,
    /// `tornado://…`.
    pub link: Secret,
    /// Expiry time.
    pub expires_at: UnixSeconds,
}

/// A one-time link that creates the first operator.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetupLink {
    /// The code; the console's path is `/setup?code=…`. `None`: an operator already exists.
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

tornado_rpc::contract! {
    /// Logins, tokens and invitations. `auth` alone reads the key directory and authenticates users and operators.
    trait Auth, client AuthClient, error AuthError, callers ServiceName {
        /// The server's public statement: identity, login keys, certificate.
        server_info(NoInput) -> ServerInfo = GET "/v1/server", within 15, up to 0, for [ClientApi, Admin];
        /// Opens a login or enrolment envelope and replies in the same version (v1 plain, v2 sealed).
        open_login(OpenLogin) -> LoginReply = POST "/v1/login", within 20, up to 32_768, for [ClientApi];
        /// Exchanges a refresh token for a new pair. Reuse of a spent token revokes the whole token family, except for
        /// a retry of the latest refresh with the same idempotency key.
        refresh(RefreshToken) -> Tokens = POST "/v1/refresh", within 20, up to 16_384, for [ClientApi];
        /// Ends the login and the device's session.
        logout(RefreshToken) -> Done = POST "/v1/logout", within 20, up to 16_384, for [ClientApi];
        /// The account and device of an access token.
        whoami(AccessToken) -> Profile = POST "/v1/whoami", within 15, up to 16_384, for [ClientApi, Session];
        /// Checks whether a device may connect, and registers the key as the device's only key.
        authorize(Authorize) -> Grant = POST "/v1/authorize", within 10, up to 16_384, for [Session];
        /// Public halves of the signing keys.
        verifying_keys(NoInput) -> Vec<VerifyingKey> = GET "/v1/keys", within 10, up to 0, for [Session, ClientApi, Admin];
        /// Traffic policies of all accounts that differ from the default.
        traffic_policies(NoInput) -> Vec<UserTrafficPolicy> = GET "/v1/traffic-policies", within 10, up to 0, for [Session];
        /// Stores the fingerprint of the device API's certificate for invitations and the server's statement.
        attest_tls(AttestTls) -> Done = PUT "/v1/tls", within 10, up to 1_024, for [ClientApi];
        /// Creates an invitation.
        create_invitation(Acting<CreateInvitation>) -> InvitationLink = POST "/v1/invitations", within 15, up to 4_096, for [Admin];
        /// Creates a new set-up code while no operator exists.
        setup_link(NoInput) -> SetupLink = POST "/v1/setup-link", within 15, up to 1_024, for [];
        /// Creates the first operator with a set-up code and signs that operator in.
        redeem_setup(RedeemSetup) -> SignedIn = POST "/v1/setup", within 20, up to 4_096, for [Admin];
        /// Creates an operator or sets an operator's password.
        put_operator(PutOperator) -> Operator = PUT "/v1/operators", within 20, up to 4_096, for [];
    }
}
