//! Error bodies: `application/problem+json` (RFC 9457).

use serde::{Deserialize, Serialize};

/// The media type of [`Problem`].
pub const MEDIA_TYPE: &str = "application/problem+json";

/// An error for a caller. `code` is stable and meant for programs. `detail` is meant for people and says what failed,
/// why, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A URI that identifies the type of problem: `urn:tornado:problem:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// HTTP status.
    pub status: u16,
    /// Stable code for programs, for example `invalid_credentials`.
    pub code: String,
    /// Description for people.
    pub detail: String,
    /// Seconds to wait before a retry; also in the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_after: Option<u64>,
    /// Further failed sign-ins after which the caller has to wait.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attempts_left: Option<u32>,
    /// The id of the request, as in the header `X-Request-Id`; log lines of the request have it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<String>,
    /// The error as data, so that a contract's error enum survives the wire.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<serde_json::Value>,
}

impl Problem {
    /// Creates a problem without extensions.
    #[must_use]
    pub fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:tornado:problem:{code}"),
            status,
            code: code.to_owned(),
            detail: detail.into(),
            retry_after: None,
            attempts_left: None,
            request_id: None,
            error: None,
        }
    }
}
