//! Lanes.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A path choice. Each lane has its own interface, address pool and policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Traffic leaves through the server's uplink, translated to the server's address.
    Direct,
    /// Traffic leaves through Tor only.
    Tor,
}

impl Lane {
    /// Both lanes, in the order in which they are configured.
    pub const ALL: [Self; 2] = [Self::Direct, Self::Tor];

    /// The one of two values that belongs to this lane.
    #[must_use]
    pub const fn of<T: Copy>(self, direct: T, tor: T) -> T {
        match self {
            Self::Direct => direct,
            Self::Tor => tor,
        }
    }

    /// The lane's name in contracts and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.of("direct", "tor")
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is neither `direct` nor `tor`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the lane must be 'direct' or 'tor'")]
pub struct UnknownLane;

impl FromStr for Lane {
    type Err = UnknownLane;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match s {
            "direct" => Ok(Self::Direct),
            "tor" => Ok(Self::Tor),
            _ => Err(UnknownLane),
        }
    }
}

/// The implementation of WireGuard behind an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The kernel's, programmed over netlink.
    Kernel,
    /// In this process, on a TUN interface.
    Userspace,
}
