//! The error of every method.

use serde::{Deserialize, Serialize};
use std::fmt;
use tornado_shared::problem::Problem;

/// Result of every method.
pub type AdminResult<T> = Result<T, AdminError>;

/// A problem (RFC 9457) as the error of a method. Boxed, because results should be small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AdminError(pub Box<Problem>);

impl AdminError {
    /// An error with a stable code for programs and a description for people.
    #[must_use]
    pub fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        Problem::new(status, code, detail).into()
    }

    /// A value of the request is out of range.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(400, "invalid_fields", detail)
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.0.status
    }
}

impl From<Problem> for AdminError {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl std::error::Error for AdminError {}
