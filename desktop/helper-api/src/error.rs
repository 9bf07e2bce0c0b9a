//! Errors of the helper's contract.

use serde::{Deserialize, Serialize};
use std::path::Path;
use tornado_rpc::{Fault, ServiceError};

/// The command that starts the helper.
#[cfg(unix)]
const START: &str = "systemctl start tornado-helper";
#[cfg(windows)]
const START: &str = "sc start tornado-helper";

/// Reasons for which a call to the helper fails. Codes are stable. Each text says what failed, why, and what to do
/// next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind", content = "data")]
pub enum HelperError {
    /// The helper is not running, or it listens on another socket. Only the client creates this error.
    #[error("cannot reach the helper: {0}; start it with `{start}`", start = START)]
    NotRunning(String),
    /// The caller may not use the helper.
    #[error("{0}")]
    Forbidden(String),
    /// The helper could not decode the request, and changed nothing.
    #[error("invalid request: {0}")]
    Malformed(String),
    /// The invitation link is invalid.
    #[error("{0}")]
    BadInvitation(String),
    /// This device is not enrolled with a server.
    #[error("this device is not enrolled; run `tornado enroll LINK` with an invitation from the operator")]
    NotEnrolled,
    /// There are no tokens: the device logged out, or the server ended the login.
    #[error("not logged in; run `tornado login`")]
    NotLoggedIn,
    /// There is no tunnel to switch.
    #[error("the tunnel is not connected; run `tornado connect`")]
    NotConnected,
    /// The server rejected the request. A retry does not help.
    #[error("the server rejected the request: {detail}")]
    Refused {
        /// The server's stable code, for example `invalid_credentials`.
        code: String,
        /// The server's description of the problem.
        detail: String,
        /// Seconds to wait before a retry, if the server sent `Retry-After`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    },
    /// The server is unreachable, or cannot process the request now.
    #[error("{detail}")]
    Unreachable {
        /// `unreachable`, `timeout`, or the server's own code, for example `data_plane_unavailable`.
        code: String,
        /// Description for people.
        detail: String,
        /// Seconds to wait before a retry, if the server sent `Retry-After`.
        retry_after: Option<u64>,
    },
    /// Another server answers at the server's address, or the server offered weaker protection than before.
    #[error("{0}")]
    Untrusted(String),
    /// The server did not respond over the lane.
    #[error("{0}")]
    NoHandshake(String),
    /// The helper blocks all traffic, and the requested action cannot lift that.
    #[error("the tunnel is blocked: {0}")]
    Blocked(String),
    /// The helper could not configure the tunnel on this machine.
    #[error("cannot set up the tunnel: {0}")]
    Tunnel(String),
    /// An unexpected failure inside the helper.
    #[error("internal error in the helper: {0}")]
    Internal(String),
}

impl HelperError {
    /// The server did not respond.
    #[must_use]
    pub fn unreachable(detail: impl Into<String>) -> Self {
        Self::Unreachable { code: "unreachable".into(), detail: detail.into(), retry_after: None }
    }
}

impl From<Fault> for HelperError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Forbidden(detail) => Self::Forbidden(detail),
            Fault::Malformed(detail) => Self::Malformed(detail),
            Fault::Unavailable(detail) | Fault::StoreUnavailable(detail) | Fault::Internal(detail) => {
                Self::Internal(detail)
            }
        }
    }
}

impl ServiceError for HelperError {
    fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::BadInvitation(_) => 400,
            Self::Refused { .. } => 401,
            Self::Forbidden(_) => 403,
            Self::NotEnrolled | Self::NotLoggedIn | Self::NotConnected | Self::Blocked(_) => 409,
            Self::Tunnel(_) | Self::Internal(_) => 500,
            Self::Unreachable { .. } | Self::Untrusted(_) => 502,
            Self::NotRunning(_) => 503,
            Self::NoHandshake(_) => 504,
        }
    }

    fn code(&self) -> &str {
        match self {
            Self::NotRunning(_) => "helper_not_running",
            Self::Forbidden(_) => "forbidden",
            Self::Malformed(_) => "malformed",
            Self::BadInvitation(_) => "bad_invitation",
            Self::NotEnrolled => "not_enrolled",
            Self::NotLoggedIn => "not_logged_in",
            Self::NotConnected => "not_connected",
            Self::Refused { code, .. } | Self::Unreachable { code, .. } => code,
            Self::Untrusted(_) => "untrusted",
            Self::NoHandshake(_) => "no_handshake",
            Self::Blocked(_) => "blocked",
            Self::Tunnel(_) => "tunnel",
            Self::Internal(_) => "internal",
        }
    }

    /// The delay that the server requested.
    fn retry_after(&self) -> Option<u64> {
        let (Self::Refused { retry_after, .. } | Self::Unreachable { retry_after, .. }) = self else { return None };
        *retry_after
    }

    fn not_running(socket: &Path, reason: &str) -> Self {
        Self::NotRunning(format!("{}: {reason}", socket.display()))
    }
}
