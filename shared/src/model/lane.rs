//! Lanes.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A path choice. Each lane owns an interface, an address pool and a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Plain egress, translated to the server's own address.
    Direct,
    /// Everything through Tor or nowhere.
    Tor,
}

impl Lane {
    /// Both lanes, in the order in which they are programmed.
    pub const ALL: [Self; 2] = [Self::Direct, Self::Tor];

    /// The lane's word, as in contracts and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Tor => "tor",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is neither `direct` nor `tor`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a lane is 'direct' or 'tor'")]
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
