//! What may leave this device outside the tunnel: lockdown, excluded networks, the portal.

use serde::{Deserialize, Serialize};

/// When traffic outside the tunnel is blocked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LockdownMode {
    /// Traffic flows whenever no tunnel is up.
    Off,
    /// Traffic is blocked while a tunnel is desired but not up.
    #[default]
    Auto,
    /// Traffic is blocked whenever no tunnel is up, also at boot and while the helper is stopped.
    Always,
}

/// The user's choices about traffic outside the tunnel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lockdown {
    /// When it is blocked.
    pub mode: LockdownMode,
    /// Connected private networks may be reached.
    pub lan: bool,
    /// Networks of containers and virtual machines may be reached, even if `lan` is false.
    pub bridges: bool,
}

/// A change of the choices. What is absent stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockdownChange {
    /// The new mode.
    pub mode: Option<LockdownMode>,
    /// The new choice about private networks.
    pub lan: Option<bool>,
    /// The new choice about networks of containers and virtual machines.
    pub bridges: Option<bool>,
}

/// The captive portal that can be reached now, TCP to ports 80 and 443 only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portal {
    /// Its address.
    pub address: String,
    /// When it is blocked again, seconds since 1970.
    pub until: i64,
}
