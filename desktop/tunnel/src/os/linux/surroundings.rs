//! Addresses and networks of this machine outside the tunnel.

use super::netlink::Netlink;
use crate::os::OsError;
use crate::policy::{LocalNetwork, local_networks, own_addresses};
use std::net::IpAddr;

/// Addresses and networks of this machine outside the tunnel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    pub own: Vec<IpAddr>,
    /// Local networks that may be reached.
    pub local: Vec<LocalNetwork>,
}

impl Surroundings {
    /// Reads them from the kernel. `links` are the names of the tunnel's interfaces. Without `with_local`, no local
    /// network may be reached.
    pub(super) async fn read(netlink: &Netlink, links: &[String], with_local: bool) -> Result<Self, OsError> {
        let names = netlink.link_names().await?;
        let (mut addresses, mut networks) = (Vec::new(), Vec::new());
        for (index, address, net) in netlink.addresses().await? {
            if let Some(name) = names.get(&index) {
                addresses.push((name.clone(), address));
                networks.push((name.clone(), net));
            }
        }
        let local = if with_local { local_networks(&networks, links) } else { Vec::new() };
        Ok(Self { own: own_addresses(&addresses, links), local })
    }
}
