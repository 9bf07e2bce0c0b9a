//! Passkeys of operators (WebAuthn Level 2). A passkey with user verification replaces password and second factor at a
//! sign-in, and the password at a confirmation.

use super::acting::Acting;
use super::error::AuthError;
use super::operators::SignedIn;
use crate::ServiceName;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use tornado_rpc::{Done, NoInput};
use tornado_shared::model::{Secret, UnixSeconds};
use uuid::Uuid;

/// The console's site, as the browser sees it. A passkey belongs to one host name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Host name without port: the relying party's id.
    pub host: String,
    /// Scheme, host name and port.
    pub origin: String,
}

/// Input of [`Passkeys::begin_passkey`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BeginPasskey {
    /// The operator's password.
    pub password: Secret,
    /// The site.
    pub site: Site,
}

/// A challenge for the authenticator; valid for 5 minutes, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasskeyChallenge {
    /// Its id.
    pub id: Uuid,
    /// JSON: the options of `navigator.credentials.create` or `get`, with binary values as Base64url.
    pub options: String,
}

/// Input of [`Passkeys::confirm_passkey`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewPasskey {
    /// Id of the challenge.
    pub id: Uuid,
    /// Name, 1 to 64 characters.
    pub name: String,
    /// JSON: the `PublicKeyCredential` that the browser created.
    pub credential: String,
}

/// A passkey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasskeyView {
    /// Its id.
    pub id: Uuid,
    /// The name that the operator chose.
    pub name: String,
    /// Creation time.
    pub created_at: UnixSeconds,
    /// Latest use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<UnixSeconds>,
}

/// Input of [`Passkeys::remove_passkey`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RemovePasskey {
    /// Id of the passkey.
    pub id: Uuid,
    /// The operator's password.
    pub password: Secret,
}

/// Input of [`Passkeys::confirm_by_passkey`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PasskeyAnswer {
    /// Id of the challenge.
    pub id: Uuid,
    /// JSON: the `PublicKeyCredential` that the browser returned.
    pub credential: String,
}

/// Input of [`Passkeys::sign_in_by_passkey`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasskeySignIn {
    /// Id of the challenge.
    pub id: Uuid,
    /// JSON: the `PublicKeyCredential` that the browser returned.
    pub credential: String,
    /// Client address; used by the guard against guessing, never logged above DEBUG.
    pub client_ip: IpAddr,
}

tornado_rpc::contract! {
    /// Passkeys of operators.
    trait Passkeys, client PasskeysClient, error AuthError, callers ServiceName {
        /// A challenge for a sign-in. It does not depend on the operator.
        begin_passkey_sign_in(Site) -> PasskeyChallenge = POST "/v1/passkeys/sign-in/begin", within 10, up to 4_096, for [Admin];
        /// Signs in with a passkey.
        sign_in_by_passkey(PasskeySignIn) -> SignedIn = POST "/v1/passkeys/sign-in", within 15, up to 65_536, for [Admin];
        /// A challenge for a confirmation by one of the operator's passkeys.
        begin_passkey_confirmation(Acting<Site>) -> PasskeyChallenge = POST "/v1/passkeys/confirm/begin", within 10, up to 4_096, for [Admin];
        /// Confirms the sign-in, as [`Operators::confirm_sign_in`](super::operators::Operators::confirm_sign_in).
        confirm_by_passkey(Acting<PasskeyAnswer>) -> Done = POST "/v1/passkeys/confirm", within 15, up to 65_536, for [Admin];
        /// The operator's own passkeys.
        list_passkeys(Acting<NoInput>) -> Vec<PasskeyView> = POST "/v1/passkeys/list", within 10, up to 4_096, for [Admin];
        /// A challenge for a new passkey.
        begin_passkey(Acting<BeginPasskey>) -> PasskeyChallenge = POST "/v1/passkeys/begin", within 20, up to 8_192, for [Admin];
        /// Adds a passkey.
        confirm_passkey(Acting<NewPasskey>) -> PasskeyView = PUT "/v1/passkeys", within 15, up to 65_536, for [Admin];
        /// Removes one of the operator's own passkeys.
        remove_passkey(Acting<RemovePasskey>) -> Done = DELETE "/v1/passkeys", within 20, up to 4_096, for [Admin];
    }
}
