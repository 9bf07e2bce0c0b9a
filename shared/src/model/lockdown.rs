//! Lockdown, the kill switch of a device.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// When a device blocks traffic outside the tunnel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LockdownMode {
    /// Traffic flows whenever no tunnel is up, also if the tunnel was lost.
    Off,
    /// Traffic is blocked while a tunnel is desired but not up: after its loss, or after a crash of the helper.
    #[default]
    Auto,
    /// Traffic is blocked whenever no tunnel is up: while disconnected, before login, at boot, and while the helper is
    /// stopped.
    Always,
}

impl LockdownMode {
    /// The mode's name in contracts and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Auto => "auto",
            Self::Always => "always",
        }
    }
}

impl fmt::Display for LockdownMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not the name of a mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("lockdown must be 'off', 'auto' or 'always'")]
pub struct UnknownMode;

impl FromStr for LockdownMode {
    type Err = UnknownMode;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        [Self::Off, Self::Auto, Self::Always].into_iter().find(|mode| mode.as_str() == s).ok_or(UnknownMode)
    }
}

/// The user's choices about traffic outside the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockdownPolicy {
    /// When traffic is blocked.
    pub mode: LockdownMode,
    /// Whether connected private networks may be reached outside the tunnel. DNS to them is a separate rule.
    pub lan: bool,
    /// Whether networks of containers and virtual machines on this device may be reached even if `lan` is false.
    pub bridges: bool,
}

impl Default for LockdownPolicy {
    fn default() -> Self {
        Self { mode: LockdownMode::Auto, lan: true, bridges: false }
    }
}

impl LockdownPolicy {
    /// The policy that applies if the stored one cannot be read: nothing leaves.
    pub const STRICTEST: Self = Self { mode: LockdownMode::Always, lan: false, bridges: false };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_have_one_name_everywhere() {
        for mode in [LockdownMode::Off, LockdownMode::Auto, LockdownMode::Always] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.as_str());
        }
        assert_eq!("on".parse::<LockdownMode>(), Err(UnknownMode));
    }
}
