//! Traffic policy of an account: set in `auth`, distributed by `session`, enforced by `wg`.

use serde::{Deserialize, Serialize};
use tornado_shared::model::UserId;

/// Maximum rate, bytes per second: 100 Gbit/s. The kernel rejects limits above about 17 GB/s.
pub const MAX_RATE: u64 = 12_500_000_000;

/// Traffic policy of an account. The default has no limits and no peer group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrafficPolicy {
    /// Download limit, bytes per second, shared by all of its devices on both lanes; `None`: unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download_rate: Option<u64>,
    /// Upload limit, bytes per second, shared by all of its devices on both lanes; `None`: unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_rate: Option<u64>,
    /// True: its devices are a peer group and may reach each other on the direct lane.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub peer_group: bool,
}

impl TrafficPolicy {
    /// True for the default policy.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// An account whose policy differs from the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserTrafficPolicy {
    /// The account.
    pub user_id: UserId,
    /// Its policy.
    pub traffic_policy: TrafficPolicy,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_wire_are_those_of_released_versions() {
        let traffic_policy = TrafficPolicy { upload_rate: Some(1), peer_group: true, ..TrafficPolicy::default() };
        let user_id = UserId(uuid::Uuid::nil());
        let text = serde_json::to_value(UserTrafficPolicy { user_id, traffic_policy }).unwrap();
        assert_eq!(text["traffic_policy"], serde_json::json!({ "upload_rate": 1, "peer_group": true }));
    }
}
