//! Failures of a call itself, and the trait for contract errors.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::path::Path;
use tornado_shared::problem::Problem;

/// A failure of the call, not of the service's own work. A contract's error has a variant for it, or is this type if
/// the service itself rejects nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "fault", content = "detail")]
pub enum Fault {
    /// The service did not respond in time, or is not ready.
    #[error("{0}")]
    Unavailable(String),
    /// The service runs, but its database does not respond. Established tunnels stay up; reads and writes wait.
    #[error("{0}")]
    StoreUnavailable(String),
    /// The caller's user may not use this method.
    #[error("permission denied: {0}")]
    Forbidden(String),
    /// The request could not be decoded, and nothing was changed.
    #[error("invalid request: {0}")]
    Malformed(String),
    /// The service panicked or violated the contract.
    #[error("internal error in the service: {0}")]
    Internal(String),
}

/// A contract's error: an enum that is sent over the wire and has an HTTP status and a stable code.
pub trait ServiceError: std::error::Error + Serialize + DeserializeOwned + From<Fault> + Send + Sync + 'static {
    /// HTTP status, 400 to 599.
    fn status(&self) -> u16;

    /// Stable code for programs.
    fn code(&self) -> &str;

    /// Seconds to wait before a retry, if a retry can help.
    fn retry_after(&self) -> Option<u64> {
        None
    }

    /// The error of a client that cannot connect to `socket`.
    #[must_use]
    fn not_running(socket: &Path, reason: &str) -> Self {
        let service = socket.file_stem().unwrap_or_default().to_string_lossy();
        Fault::Unavailable(format!("{service} is not reachable: {reason}")).into()
    }

    /// The problem document for the wire.
    #[must_use]
    fn to_problem(&self) -> Problem {
        let mut problem = Problem::new(self.status(), self.code(), self.to_string());
        problem.retry_after = self.retry_after();
        problem.error = serde_json::to_value(self).ok();
        problem
    }

    /// Converts the response of a failed call.
    #[must_use]
    fn from_response(status: u16, body: &[u8]) -> Self {
        let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
            return Fault::Internal(format!("status {status} without a problem body")).into();
        };
        if let Some(error) = problem.error.and_then(|value| serde_json::from_value::<Self>(value).ok()) {
            return error;
        }
        let fault = match status {
            403 => Fault::Forbidden(problem.detail),
            400..=499 => Fault::Malformed(problem.detail),
            503 => Fault::Unavailable(problem.detail),
            _ => Fault::Internal(problem.detail),
        };
        fault.into()
    }
}

/// Implements [`ServiceError`] for a contract's error, which has the variant `Fault(Fault)`. Each line has the form
/// `PATTERN => STATUS, "code"[, retry after SECONDS];`
#[macro_export]
macro_rules! service_error {
    ($error:ty { $($pattern:pat => $status:literal, $code:expr $(, retry after $seconds:expr)?;)+ }) => {
        impl From<$crate::Fault> for $error {
            fn from(fault: $crate::Fault) -> Self {
                Self::Fault(fault)
            }
        }

        impl $error {
            /// Status, code and seconds to wait before a retry.
            fn facts(&self) -> (u16, &str, Option<u64>) {
                match self {
                    $($pattern => ($status, $code, [$($seconds)?].first().copied()),)+
                    Self::Fault(fault) => {
                        use $crate::ServiceError as _;
                        (fault.status(), fault.code(), fault.retry_after())
                    }
                }
            }
        }

        impl $crate::ServiceError for $error {
            fn status(&self) -> u16 {
                self.facts().0
            }

            fn code(&self) -> &str {
                self.facts().1
            }

            fn retry_after(&self) -> Option<u64> {
                self.facts().2
            }
        }
    };
}

impl ServiceError for Fault {
    fn status(&self) -> u16 {
        match self {
            Self::Unavailable(_) | Self::StoreUnavailable(_) => 503,
            Self::Forbidden(_) => 403,
            Self::Malformed(_) => 400,
            Self::Internal(_) => 500,
        }
    }

    fn code(&self) -> &str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::StoreUnavailable(_) => "store_unavailable",
            Self::Forbidden(_) => "forbidden",
            Self::Malformed(_) => "malformed",
            Self::Internal(_) => "internal",
        }
    }
}
