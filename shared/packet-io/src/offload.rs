//! The setting that enables or disables offload.

use serde::{Deserialize, Serialize};

/// Whether packets may be coalesced between kernel and tunnel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Offload {
    /// As far as the kernel supports it. A feature that the kernel rejects once is not tried again.
    #[default]
    Auto,
    /// Every packet separately, for kernels and network cards with faulty offload.
    Off,
}
