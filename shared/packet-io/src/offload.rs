//! The off switch.

use serde::{Deserialize, Serialize};

/// Whether packets may be joined on their way between kernel and tunnel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Offload {
    /// As far as the kernel can. What it refuses once is not tried again.
    #[default]
    Auto,
    /// Each packet alone: for kernels and network cards that mishandle the other way.
    Off,
}
