//! What an operator changes, and what the server answers.

use super::Role;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A text that logs and panics must not contain: a password, or the link of an invitation.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

/// What to do with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceAction {
    /// It is to run.
    Start,
    /// It is not to run.
    Stop,
    /// Its process is stopped and started again.
    Restart,
}

/// Desired state of the tor lane and its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TorOrder {
    /// Tor is to run.
    Start,
    /// Tor is not to run.
    Stop,
    /// The lane is to be open.
    Up,
    /// The lane is to be in maintenance.
    Down,
}

/// Changes of a user. Absent fields stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserChange {
    /// An address; empty removes it.
    pub email: Option<String>,
    /// Devices that may be connected at once.
    pub max_devices: Option<u32>,
    /// Bytes per month; 0 is not limited.
    pub quota: Option<u64>,
    /// Bits per second to a device; 0 is not limited.
    pub max_down: Option<u64>,
    /// Bits per second from a device; 0 is not limited.
    pub max_up: Option<u64>,
    /// Whether the user's devices may reach each other.
    pub peer_group: Option<bool>,
    /// A new password, which ends all logins.
    pub password: Option<Hidden>,
    /// False suspends, true reactivates.
    pub is_active: Option<bool>,
    /// Removes a lost second factor.
    pub forget_factor: bool,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Closes the session of a device.
    CloseSession {
        /// Whose.
        device_id: String,
    },
    /// Creates an invitation.
    CreateInvitation {
        /// The user that gets another device; none: the guest creates a user.
        user: Option<String>,
        /// Devices of the new user.
        max_devices: u32,
        /// Days until it expires.
        days: u32,
    },
    /// Creates a user.
    CreateUser {
        /// The name.
        name: String,
        /// The e-mail address.
        email: Option<String>,
        /// The password.
        password: Hidden,
        /// Devices that may be connected at once.
        max_devices: u32,
    },
    /// Changes a user.
    UpdateUser {
        /// Which.
        user: String,
        /// How.
        change: UserChange,
    },
    /// Ends all logins of a user.
    RevokeUser {
        /// Whose.
        user: String,
    },
    /// Deletes a user.
    DeleteUser {
        /// Which.
        user: String,
    },
    /// Removes a device.
    RemoveDevice {
        /// Which.
        device_id: String,
    },
    /// Changes the desired state of Tor.
    OrderTor(TorOrder),
    /// New circuits for new streams.
    RenewTorIdentity,
    /// Probes Tor.
    ProbeTor,
    /// Starts, stops or restarts a service.
    ControlService {
        /// Which.
        service: String,
        /// What to do.
        action: ServiceAction,
    },
    /// Replaces the signing and login keys.
    RotateKeys,
    /// Reads and tries all key files.
    CheckKeys,
    /// Checks the chain of the audit trail.
    VerifyAudit,
    /// Creates or changes an operator.
    PutOperator {
        /// The name.
        name: String,
        /// A password; required for a new operator.
        password: Option<Hidden>,
        /// The role; required for a new operator.
        role: Option<Role>,
        /// Removes a lost second factor.
        forget_factor: bool,
    },
    /// Removes an operator.
    RemoveOperator {
        /// Which.
        name: String,
    },
    /// Ends a sign-in.
    RevokeSignIn {
        /// Which.
        id: String,
    },
    /// Confirms the own password, as some acts require.
    ConfirmSignIn {
        /// The password.
        password: Hidden,
    },
    /// Creates a challenge for a confirmation by an own passkey.
    BeginConfirmation,
    /// Confirms by a passkey, in place of the password.
    ConfirmByPasskey(Answer),
    /// Creates a secret for an authenticator.
    BeginFactor {
        /// The own password.
        password: Hidden,
    },
    /// Confirms the secret with its first code.
    ConfirmFactor {
        /// Six digits.
        code: Hidden,
    },
    /// Removes the own authenticator.
    EndFactor {
        /// The own password.
        password: Hidden,
    },
    /// Creates a challenge for a new passkey.
    BeginPasskey {
        /// The own password.
        password: Hidden,
    },
    /// Adds a passkey.
    AddPasskey {
        /// Its name.
        name: String,
        /// What the browser created.
        answer: Answer,
    },
    /// Removes an own passkey.
    RemovePasskey {
        /// Which.
        id: String,
        /// The own password.
        password: Hidden,
    },
    /// Creates an API token.
    CreateToken {
        /// Its name.
        name: String,
        /// Names of its rights.
        scopes: Vec<String>,
        /// Days until it expires.
        days: u32,
    },
    /// Ends an API token.
    RevokeToken {
        /// Which.
        id: String,
    },
    /// Saves a query of logs under a name, and replaces an older one.
    SaveQuery {
        /// The name.
        name: String,
        /// The query.
        text: String,
    },
    /// Deletes a saved query.
    DeleteQuery {
        /// Its name.
        name: String,
    },
    /// Deletes log lines.
    DeleteLogs {
        /// The query; none: all lines.
        text: Option<String>,
        /// Begin of their time.
        from: i64,
        /// Its end, not included.
        until: i64,
    },
    /// Starts, stops or restarts a unit of systemd.
    ControlUnit {
        /// Which.
        unit: String,
        /// What to do.
        action: ServiceAction,
    },
    /// Sets the public name or address of the server; none: that of the configuration file counts.
    PutHost {
        /// The name or address.
        host: Option<String>,
    },
}

/// The answer of an authenticator to a challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Identifier of the challenge.
    pub id: String,
    /// The credential of the browser: JSON.
    pub credential: String,
}

impl Act {
    /// The right that it requires. The server decides; this only leaves out buttons.
    pub const fn right(&self) -> &'static str {
        match self {
            Self::CloseSession { .. } => "sessions.close",
            Self::CreateInvitation { .. } => "invitations.write",
            Self::CreateUser { .. } | Self::UpdateUser { .. } | Self::RevokeUser { .. } | Self::DeleteUser { .. } => {
                "users.write"
            }
            Self::RemoveDevice { .. } => "devices.write",
            Self::OrderTor(_) | Self::RenewTorIdentity | Self::ProbeTor => "tor.write",
            Self::ControlService { .. } | Self::ControlUnit { .. } => "services.control",
            Self::RotateKeys => "keys.rotate",
            Self::CheckKeys => "keys.read",
            Self::VerifyAudit => "audit.verify",
            Self::PutOperator { .. } => "operators.write",
            Self::RemoveOperator { .. } => "operators.remove",
            Self::RevokeSignIn { .. }
            | Self::ConfirmSignIn { .. }
            | Self::BeginConfirmation
            | Self::ConfirmByPasskey(_)
            | Self::BeginFactor { .. }
            | Self::ConfirmFactor { .. }
            | Self::EndFactor { .. }
            | Self::BeginPasskey { .. }
            | Self::AddPasskey { .. }
            | Self::RemovePasskey { .. } => "own.sign_in",
            Self::CreateToken { .. } => "tokens.create",
            Self::RevokeToken { .. } => "tokens.revoke",
            Self::SaveQuery { .. } | Self::DeleteQuery { .. } => "logs.save",
            Self::DeleteLogs { .. } => "logs.write",
            Self::PutHost { .. } => "settings.write",
        }
    }
}

/// What a change returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is done.
    Done,
    /// An invitation, shown only once.
    Invited(Invitation),
    /// Key files were checked.
    Checked {
        /// Files.
        files: u64,
        /// Problems, in the server's words.
        problems: Vec<String>,
    },
    /// The audit trail was checked.
    Verified {
        /// Entries.
        rows: u64,
        /// The first altered entry.
        broken: Option<u64>,
    },
    /// This many log lines were deleted.
    Deleted(u64),
    /// Tor was probed.
    Probed {
        /// Whether an exit responded.
        is_ok: bool,
        /// How long it took, in milliseconds.
        took_ms: u64,
        /// Country of the exit, or why it failed.
        detail: String,
    },
    /// A challenge for an authenticator.
    Challenge(Challenge),
    /// The secret of a new authenticator.
    Factor(FactorOffer),
    /// Recovery codes, shown only once.
    Codes(Vec<Hidden>),
    /// An API token, shown only once.
    Token {
        /// The token.
        token: Hidden,
        /// When it expires.
        expires_at: i64,
    },
}

/// A challenge for an authenticator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// Its identifier.
    pub id: String,
    /// Options for the browser: JSON.
    pub options: String,
}

/// The secret of an authenticator that is not required yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorOffer {
    /// The secret in Base32.
    pub secret: Hidden,
    /// Address for an authenticator: `otpauth://…`.
    pub url: Hidden,
    /// The address as a QR code: an SVG image of the server.
    pub qr: Option<Hidden>,
}

/// A new invitation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The link.
    pub link: Hidden,
    /// The link as a QR code: an SVG image of the server.
    pub qr: Option<Hidden>,
    /// When it expires.
    pub expires_at: i64,
}

/// Why a change was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Code, the same as in the API.
    pub code: String,
    /// The server's words.
    pub detail: String,
    /// The field of the form that it is about.
    pub field: Option<String>,
}

impl Refusal {
    /// The browser cannot reach the server.
    pub fn unreachable() -> Self {
        Self { code: "unreachable".to_owned(), detail: String::new(), field: None }
    }

    /// The server requires the operator's password again.
    pub fn requires_confirmation(&self) -> bool {
        self.code == "confirmation_required"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_in_debug_output() {
        let act = Act::ConfirmSignIn { password: Hidden::new("correct horse") };
        assert_eq!(format!("{act:?}"), "ConfirmSignIn { password: Hidden }");
    }
}
