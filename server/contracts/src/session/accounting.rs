//! Counters of service `session`.

use serde::{Deserialize, Serialize};
use tornado_shared::model::{Secret, SessionId, Transfer, UnixSeconds, UserId};

/// Input of [`Sessions::usage`](super::Sessions::usage).
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageQuery {
    /// The account.
    pub user_id: UserId,
}

/// Transfer of an account since its creation, including live sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserUsage {
    /// Number of sessions, including live ones.
    pub sessions: u64,
    /// Bytes on the direct lane.
    pub direct_transfer: Transfer,
    /// Bytes on the tor lane.
    pub tor_transfer: Transfer,
}

impl UserUsage {
    /// Bytes on both lanes, both directions.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        let both = self.direct_transfer.plus(self.tor_transfer);
        both.rx_bytes.saturating_add(both.tx_bytes)
    }
}

/// Input of [`Sessions::own_history`](super::Sessions::own_history).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnHistory {
    /// The access token of one of the account's devices.
    pub access_token: Secret,
    /// Only sessions that began before this one; `None`: start with the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<SessionId>,
    /// Maximum number of rows, newest first, 1 to 500.
    pub limit: u32,
}

/// Inconsistencies repaired since the service started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repairs {
    /// Ended sessions: incomplete ones (found at start, or by a sweep after a late write) and, at start, ones outside
    /// the address pools.
    pub ended: u64,
    /// Removed peers that had no session.
    pub strays: u64,
    /// Restored peers of online sessions.
    pub peers_restored: u64,
    /// Removed peers of sessions that should not have any.
    pub peers_removed: u64,
    /// States written to the store again after a failed write.
    pub written: u64,
    /// Sessions written again to the live state after it lost them.
    pub live_restored: u64,
}

impl Repairs {
    /// Sum of all repairs.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.ended + self.strays + self.peers_restored + self.peers_removed + self.written + self.live_restored
    }
}

/// Status of service `session`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsStatus {
    /// Start of counting.
    pub since: UnixSeconds,
    /// Sessions that sent a heartbeat or handshake in time.
    pub online: u32,
    /// Sessions that did not.
    pub offline: u32,
    /// Repairs.
    pub repairs: Repairs,
    /// Rows of history and device claims to slots that were deleted because of their age; sum of both.
    pub forgotten: u64,
}
