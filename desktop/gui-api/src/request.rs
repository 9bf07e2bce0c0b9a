//! What the window sends, and what it receives if that fails.

use serde::{Deserialize, Serialize};

/// An invitation, as the person has it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Invitation {
    /// The link, `tornado://…`. Spaces around it are ignored.
    Link(String),
    /// The parts of a link, typed in.
    Typed {
        /// Name or address of the server, with its port unless it is the usual one.
        server: String,
        /// Fingerprint of the server's identity, parameter `i` of the link.
        identity: String,
        /// The one-time code, parameter `c` of the link.
        code: String,
    },
}

/// Joins a server with an invitation.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// Name of the new profile; empty for the one in use, or the first one.
    pub profile: String,
    /// The invitation.
    pub invitation: Invitation,
    /// Name of the account; empty if the invitation is for an existing one.
    pub username: String,
    /// Password of the account, new or existing.
    pub password: String,
    /// Authenticator or recovery code; empty if there is no second factor.
    pub code: String,
    /// Name of this device.
    pub device: String,
}

/// Signs in to the enrolled server.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// Password of the account.
    pub password: String,
    /// Authenticator or recovery code; empty if there is no second factor.
    pub code: String,
}

/// Why a request failed. It contains no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable code, from the helper or from the server.
    pub code: String,
    /// Description in English.
    pub detail: String,
    /// Seconds to wait before a retry, if the server named them.
    pub retry_after: Option<u64>,
}

impl Failure {
    /// A request that the program rejected without sending it.
    #[must_use]
    pub fn invalid(code: &str, detail: impl Into<String>) -> Self {
        Self { code: code.into(), detail: detail.into(), retry_after: None }
    }
}
