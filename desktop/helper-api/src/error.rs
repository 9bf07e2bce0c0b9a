//! What the helper can answer besides success.

use serde::{Deserialize, Serialize};
use std::path::Path;
use tornado_rpc::{Fault, ServiceError};

/// Why the helper did not do as asked. Codes are stable; texts say what failed, why, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind", content = "data")]
pub enum HelperError {
    /// The helper does not run, or its socket is elsewhere. Made by the client.
    #[error("the helper cannot be reached ({0}); start it with `systemctl start tornado-helper`")]
    NotRunning(String),
    /// The caller may not use the helper.
    #[error("{0}")]
    Forbidden(String),
    /// The request was not understood; nothing was done.
    #[error("the request was refused: {0}")]
    Malformed(String),
    /// The invitation is damaged.
    #[error("{0}")]
    BadInvitation(String),
    /// There is no server yet.
    #[error("this device is not enrolled; run `tornado enroll LINK` with an invitation from the operator")]
    NotEnrolled,
    /// There are no tokens.
    #[error("nobody is logged in; run `tornado login`")]
    NotLoggedIn,
    /// There is no tunnel to change.
    #[error("there is no tunnel; run `tornado connect`")]
    NotConnected,
    /// The server said no, for good.
    #[error("the server refused: {detail}")]
    Refused {
        /// The server's stable code, for example `invalid_credentials`.
        code: String,
        /// The server's sentence.
        detail: String,
        /// Seconds after which it may be otherwise, when the server said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    },
    /// The server cannot be reached or cannot do it now.
    #[error("{detail}")]
    Unreachable {
        /// `unreachable`, `timeout`, or the server's own code, for example `data_plane_unavailable`.
        code: String,
        /// What happened.
        detail: String,
        /// Seconds to wait, when the server said.
        retry_after: Option<u64>,
    },
    /// Somebody else answers at the server's address, or the server lowered its guard.
    #[error("{0}")]
    Untrusted(String),
    /// The server never answered over the lane.
    #[error("{0}")]
    NoHandshake(String),
    /// The tunnel may not be used.
    #[error("the tunnel is blocked: {0}")]
    Blocked(String),
    /// The network could not be set up.
    #[error("the tunnel could not be set up: {0}")]
    Tunnel(String),
    /// The helper failed in a way it did not foresee.
    #[error("the helper failed: {0}")]
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

    /// As the server asked.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Refused { retry_after, .. } | Self::Unreachable { retry_after, .. } => *retry_after,
            Self::NotRunning(_)
            | Self::Forbidden(_)
            | Self::Malformed(_)
            | Self::BadInvitation(_)
            | Self::NotEnrolled
            | Self::NotLoggedIn
            | Self::NotConnected
            | Self::Untrusted(_)
            | Self::NoHandshake(_)
            | Self::Blocked(_)
            | Self::Tunnel(_)
            | Self::Internal(_) => None,
        }
    }

    fn not_running(socket: &Path, reason: &str) -> Self {
        Self::NotRunning(format!("{}: {reason}", socket.display()))
    }
}
