//! Errors of service `telemetry`.

use serde::{Deserialize, Serialize};
use tornado_rpc::Fault;

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

tornado_rpc::service_error! {
    TelemetryError {
        Self::Query { .. } => 400, "invalid_query";
        Self::InvalidFields(_) => 400, "invalid_fields";
        Self::SignedOut => 401, "signed_out";
        Self::NotAllowed => 403, "not_allowed";
        Self::ConfirmationRequired => 403, "confirmation_required";
        Self::NotFound(_) => 404, "not_found";
        Self::Deadline => 422, "query_deadline";
        Self::Busy { retry_after } => 429, "busy", retry after *retry_after;
    }
}
