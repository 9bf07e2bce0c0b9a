//! The error of operators' methods.

use crate::auth::AuthError;
use serde::{Deserialize, Serialize};
use tornado_rpc::{Fault, ServiceError};

/// Why an operator's request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind", content = "data")]
pub enum OperatorError {
    /// The operator's role does not include the right.
    #[error("your role does not allow this")]
    NotAllowed,
    /// The operator's sign-in has ended.
    #[error("your sign-in has ended; sign in again")]
    SignedOut,
    /// The service refused.
    #[error("{detail}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Stable code for programs.
        code: String,
        /// Description for people.
        detail: String,
        /// Seconds to wait before a retry.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    },
    /// The call itself failed.
    #[error(transparent)]
    Fault(Fault),
}

impl OperatorError {
    /// The refusal of a service.
    #[must_use]
    pub fn refused<E: ServiceError>(error: &E) -> Self {
        Self::Refused {
            status: error.status(),
            code: error.code().to_owned(),
            detail: error.to_string(),
            retry_after: error.retry_after(),
        }
    }
}

impl From<Fault> for OperatorError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<AuthError> for OperatorError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other error keeps its status and code")]
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::NotAllowed => Self::NotAllowed,
            AuthError::SignedOut => Self::SignedOut,
            AuthError::Fault(fault) => Self::Fault(fault),
            error => Self::refused(&error),
        }
    }
}

impl ServiceError for OperatorError {
    fn status(&self) -> u16 {
        match self {
            Self::NotAllowed => 403,
            Self::SignedOut => 401,
            Self::Refused { status, .. } => *status,
            Self::Fault(fault) => fault.status(),
        }
    }

    fn code(&self) -> &str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::SignedOut => "signed_out",
            Self::Refused { code, .. } => code,
            Self::Fault(fault) => fault.code(),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Fault(fault) => fault.retry_after(),
            Self::NotAllowed | Self::SignedOut => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_keep_their_status_and_code() {
        assert_eq!(OperatorError::from(AuthError::NotAllowed), OperatorError::NotAllowed);
        assert_eq!(OperatorError::from(AuthError::SignedOut), OperatorError::SignedOut);
        let last = OperatorError::from(AuthError::LastOwner);
        assert_eq!((last.status(), last.code()), (409, "last_owner"));
        let text = serde_json::to_string(&last.to_problem()).unwrap();
        assert_eq!(OperatorError::from_response(409, text.as_bytes()), last);
    }
}
