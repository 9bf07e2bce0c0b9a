//! What service `session` counts.

use serde::{Deserialize, Serialize};
use tornado_shared::model::{Secret, SessionId, Transfer, UnixSeconds, UserId};

/// Input of [`Sessions::usage`](super::Sessions::usage).
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageQuery {
    /// Whose.
    pub user_id: UserId,
}

/// What an account moved since it was made, up to this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserUsage {
    /// Sessions, also those that live.
    pub sessions: u64,
    /// Bytes on the direct lane.
    pub direct_transfer: Transfer,
    /// Bytes on the tor lane.
    pub tor_transfer: Transfer,
}

impl UserUsage {
    /// Bytes, both lanes, both ways.
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
    /// Only connections that began before this one; none: from the newest on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<SessionId>,
    /// Rows, newest first, 1 to 500.
    pub limit: u32,
}

/// What did not agree with the rest and was put right, since the service started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repairs {
    /// Sessions that were found half made (at the start, or by a sweep after a write that came too late) or, at the start,
    /// outside of the pools, and were ended.
    pub ended: u64,
    /// Peers without a session that were taken away.
    pub strays: u64,
    /// Peers of online sessions that were missing and were put back.
    pub put_back: u64,
    /// Peers of sessions that should have none and were taken away.
    pub taken_away: u64,
    /// States that a failed write had left behind in the store, written again.
    pub written: u64,
    /// Sessions that the live state had lost, told to it again.
    pub told_again: u64,
}

impl Repairs {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.ended + self.strays + self.put_back + self.taken_away + self.written + self.told_again
    }
}

/// Service `session` at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsStatus {
    /// Since when it counts.
    pub since: UnixSeconds,
    /// Sessions with a sign of life.
    pub online: u32,
    /// Silent sessions.
    pub offline: u32,
    /// What was put right.
    pub repairs: Repairs,
    /// Rows of history, and devices' claims to slots, that were dropped for their age: both together.
    pub forgotten: u64,
}
