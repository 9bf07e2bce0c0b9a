//! How an account is treated otherwise than most: decided by `auth`, known to `session`, done by `wg`.

use serde::{Deserialize, Serialize};
use tornado_shared::model::UserId;

/// Fastest rate, bytes a second: 100 Gbit/s. The kernel refuses limits over some 17 GB/s.
pub const MAX_RATE: u64 = 12_500_000_000;

/// What an operator decided for an account. The default is how most are treated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Treatment {
    /// Bytes a second to all of its devices together, on both lanes; none: as many as there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download_rate: Option<u64>,
    /// Bytes a second from all of its devices together, on both lanes; none: as many as there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_rate: Option<u64>,
    /// True: its devices may reach each other on the direct lane.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub together: bool,
}

impl Treatment {
    /// True for how most are treated.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// An account that is treated otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserTreatment {
    /// Which.
    pub user_id: UserId,
    /// How.
    pub treatment: Treatment,
}
