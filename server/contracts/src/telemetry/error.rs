//! Errors of service `telemetry`.

use serde::{Deserialize, Serialize};
use tornado_rpc::{Fault, ServiceError};

/// Errors of service `telemetry`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind", content = "data")]
pub enum TelemetryError {
    /// The query text cannot be parsed.
    #[error("cannot parse the query at character {at}: {reason}")]
    Query {
        /// Position, from 0.
        at: usize,
        /// The reason, for a person.
        reason: String,
    },
    /// A value is out of range.
    #[error("{0}")]
    InvalidFields(String),
    /// The query took too long.
    #[error("the query took too long; narrow its time range or add a filter")]
    Deadline,
    /// Too many queries run.
    #[error("too many queries at once; try again in {retry_after} seconds")]
    Busy {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// The named object does not exist.
    #[error("{0} not found")]
    NotFound(String),
    /// The operator's role does not include the right.
    #[error("your role does not allow this")]
    NotAllowed,
    /// The right requires that the operator confirmed the password a short time ago.
    #[error("confirm your password and try again")]
    ConfirmationRequired,
    /// The operator's sign-in has ended.
    #[error("your sign-in has ended; sign in again")]
    SignedOut,
    /// The call itself failed.
    #[error(transparent)]
    Fault(Fault),
}

impl From<Fault> for TelemetryError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl ServiceError for TelemetryError {
    fn status(&self) -> u16 {
        match self {
            Self::Query { .. } | Self::InvalidFields(_) => 400,
            Self::SignedOut => 401,
            Self::NotAllowed | Self::ConfirmationRequired => 403,
            Self::NotFound(_) => 404,
            Self::Deadline => 422,
            Self::Busy { .. } => 429,
            Self::Fault(fault) => fault.status(),
        }
    }

    fn code(&self) -> &str {
        match self {
            Self::Query { .. } => "invalid_query",
            Self::InvalidFields(_) => "invalid_fields",
            Self::SignedOut => "signed_out",
            Self::NotAllowed => "not_allowed",
            Self::ConfirmationRequired => "confirmation_required",
            Self::NotFound(_) => "not_found",
            Self::Deadline => "query_deadline",
            Self::Busy { .. } => "busy",
            Self::Fault(fault) => fault.code(),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Busy { retry_after } => Some(*retry_after),
            Self::Query { .. }
            | Self::InvalidFields(_)
            | Self::Deadline
            | Self::NotFound(_)
            | Self::NotAllowed
            | Self::ConfirmationRequired
            | Self::SignedOut
            | Self::Fault(_) => None,
        }
    }
}
