//! What can go wrong on the way, whatever the contract.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A failure of the carriage, not of the service's own work. Every contract's error has a variant for it, or is it where
/// the service refuses nothing by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "fault", content = "detail")]
pub enum MeshFault {
    /// Nobody answered in time, or the service is not ready.
    #[error("{0}")]
    Unavailable(String),
    /// The service runs, its database does not answer. What stands goes on; what has to be looked up or written waits.
    #[error("{0}")]
    StoreUnavailable(String),
    /// The caller's uid may not use this method.
    #[error("this process may not use this method: {0}")]
    Forbidden(String),
    /// The request was not understood; nothing was done.
    #[error("the request was refused: {0}")]
    Malformed(String),
    /// The service failed in a way it did not foresee.
    #[error("the service failed: {0}")]
    Internal(String),
}

/// A contract's error: an enum that crosses the wire and knows its HTTP status and stable code.
pub trait ServiceError:
    std::error::Error + Serialize + DeserializeOwned + From<MeshFault> + Send + Sync + 'static
{
    /// HTTP status, 400 to 599.
    fn status(&self) -> u16;
    /// Stable word for programs.
    fn code(&self) -> &'static str;
    /// Seconds to wait before another try, where waiting helps.
    fn retry_after(&self) -> Option<u64> {
        None
    }
}

impl ServiceError for MeshFault {
    fn status(&self) -> u16 {
        match self {
            Self::Unavailable(_) | Self::StoreUnavailable(_) => 503,
            Self::Forbidden(_) => 403,
            Self::Malformed(_) => 400,
            Self::Internal(_) => 500,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::StoreUnavailable(_) => "store_unavailable",
            Self::Forbidden(_) => "forbidden",
            Self::Malformed(_) => "malformed",
            Self::Internal(_) => "internal",
        }
    }
}
