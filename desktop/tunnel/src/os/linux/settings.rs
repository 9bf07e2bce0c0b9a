//! Settings of the tunnel.

use crate::plan::Backend;
use std::path::PathBuf;
use tornado_packet_io::{Offload, TunNode};

/// Settings of the tunnel on Linux.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Prefix of the two interface names: `tornado` gives `tornado0` and `tornado1`. At most 14 bytes.
    pub interface: String,
    /// Forces an implementation; `None` selects the kernel's if it exists.
    pub backend: Option<Backend>,
    /// Whether the userspace backend uses the kernel's segmentation offloads.
    pub offload: Offload,
    /// How TUN devices are opened.
    pub tun_node: TunNode,
    /// The file that lists this machine's resolvers, resolv.conf(5).
    pub resolv_conf: PathBuf,
    /// Directory for a copy of that file while it is changed; created with mode 0700 when needed.
    pub state_dir: PathBuf,
    /// Whether directly connected private networks may be reached outside the tunnel.
    pub local_networks: bool,
}

impl std::default::Default for Settings {
    fn default() -> Self {
        Self {
            interface: "tornado".into(),
            backend: None,
            offload: Offload::Auto,
            tun_node: TunNode::Own,
            resolv_conf: "/etc/resolv.conf".into(),
            state_dir: "/var/lib/tornado-helper".into(),
            local_networks: true,
        }
    }
}
