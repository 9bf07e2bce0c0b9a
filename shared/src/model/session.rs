//! State of a session, close reasons and byte counters.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// `connecting → online ⇄ offline → closed`. Recovery is an event, not a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionState {
    /// Addresses are leased, and peers are being configured.
    Connecting,
    /// There was a recent heartbeat or handshake.
    Online,
    /// There was neither; the lease is kept for the grace time.
    Offline,
    /// The session has ended.
    Closed,
}

/// Why a session ended. Stored in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The user disconnected the device.
    Disconnect,
    /// The user logged out.
    Logout,
    /// The device connected again with another key.
    Replaced,
    /// No heartbeat or handshake for longer than the grace time.
    Expired,
    /// The hard time limit of a session was reached.
    HardLimit,
    /// The right to connect was revoked by an operator, a suspension or a reused token.
    Revoked,
    /// The account's owner removed the session from another device.
    Evicted,
    /// Connecting failed halfway and was rolled back.
    Failed,
    /// The account used up its monthly quota.
    QuotaExceeded,
}

impl CloseReason {
    /// All reasons.
    pub const ALL: [Self; 9] = [
        Self::Disconnect,
        Self::Logout,
        Self::Replaced,
        Self::Expired,
        Self::HardLimit,
        Self::Revoked,
        Self::Evicted,
        Self::Failed,
        Self::QuotaExceeded,
    ];

    /// The stored and displayed name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disconnect => "disconnect",
            Self::Logout => "logout",
            Self::Replaced => "replaced",
            Self::Expired => "expired",
            Self::HardLimit => "hard_limit",
            Self::Revoked => "revoked",
            Self::Evicted => "evicted",
            Self::Failed => "failed",
            Self::QuotaExceeded => "quota_exceeded",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The stored text is not a reason that this version knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown close reason '{0}'")]
pub struct UnknownReason(pub String);

impl FromStr for CloseReason {
    type Err = UnknownReason;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|r| r.as_str() == s).ok_or_else(|| UnknownReason(s.to_owned()))
    }
}

/// Bytes through a lane or a session, from the server's side: `rx` was received from the device, `tx` was sent to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Bytes received from the device.
    pub rx_bytes: u64,
    /// Bytes sent to the device.
    pub tx_bytes: u64,
}

impl Transfer {
    /// The difference to `earlier`. A counter that decreased was reset because the interface was created again, so its
    /// whole value counts.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        const fn delta(now: u64, before: u64) -> u64 {
            if now >= before { now - before } else { now }
        }
        Self { rx_bytes: delta(self.rx_bytes, earlier.rx_bytes), tx_bytes: delta(self.tx_bytes, earlier.tx_bytes) }
    }

    /// The sum of two transfers; saturates at the maximum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            rx_bytes: self.rx_bytes.saturating_add(other.rx_bytes),
            tx_bytes: self.tx_bytes.saturating_add(other.tx_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_added_as_deltas_and_survive_resets() {
        let at = |rx_bytes| Transfer { rx_bytes, tx_bytes: 0 };
        assert_eq!(at(150).since(at(100)), at(50));
        assert_eq!(at(30).since(at(100)), at(30));
    }

    #[test]
    fn reasons_round_trip() {
        for reason in CloseReason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(reason));
        }
    }
}
