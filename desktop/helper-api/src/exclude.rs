//! Programs outside the tunnel.

use serde::{Deserialize, Serialize};

/// What happens to the DNS queries of an excluded program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExcludedDns {
    /// They enter the tunnel, as those of other programs do.
    #[default]
    Tunnel,
    /// They leave outside the tunnel, to the resolvers that this machine uses without a tunnel.
    Own,
}

/// Input of `exclude_program`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExcludeProgram {
    /// The process; the caller's own if absent. It must belong to the caller's user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// What happens to its DNS queries.
    #[serde(default)]
    pub dns: ExcludedDns,
}

/// Input of `readmit_program`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadmitProgram {
    /// An excluded process of the caller's user.
    pub pid: u32,
}

/// One process whose traffic leaves outside the tunnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExcludedProgram {
    /// Its process ID.
    pub pid: u32,
    /// Its name, at most 15 bytes. The process chose it.
    pub name: String,
    /// What happens to its DNS queries.
    pub dns: ExcludedDns,
}

/// The excluded processes of the caller's user; for root, of all users.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExcludedPrograms {
    /// Sorted by process ID.
    pub programs: Vec<ExcludedProgram>,
    /// Why excluded programs may have no network, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}
