//! Traffic policy of an account: set in `auth`, distributed by `session`, enforced by `wg`.

use serde::{Deserialize, Serialize};
use tornado_shared::model::UserId;

/// Maximum rate, bytes per second: 100 Gbit/s. The kernel rejects limits above about 17 GB/s.
pub const MAX_RATE: u64 = 12_500_000_000;

/// Traffic policy of an account. The default has no limits and no peer group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Treatment {
    /// Download limit, bytes per second, shared by all of its devices on both lanes; `None`: unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download_rate: Option<u64>,
    /// Upload limit, bytes per second, shared by all of its devices on both lanes; `None`: unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_rate: Option<u64>,
    /// True: its devices are a peer group and may reach each other on the direct lane.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub together: bool,
}

impl Treatment {
    /// True for the default policy.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// An account whose policy differs from the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserTreatment {
    /// The account.
    pub user_id: UserId,
    /// Its policy.
    pub treatment: Treatment,
}
