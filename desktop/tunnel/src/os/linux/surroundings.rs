//! Addresses and networks of this machine outside the tunnel.

use super::netlink::{Kind, LinkInfo, Netlink};
use crate::os::OsError;
use crate::policy::{LinkName, LocalNetwork, local_networks, own_addresses};
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// Addresses and networks of this machine outside the tunnel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    pub own: Vec<IpAddr>,
    /// Local networks that may be reached.
    pub local: Vec<LocalNetwork>,
    /// Interfaces that may have a gateway: all but loopback, ports of bridges and those of the tunnel.
    pub links: Vec<LinkName>,
}

/// Which networks may count as local.
#[derive(Debug, Clone, Copy)]
pub(super) struct Permitted {
    /// Networks outside this machine.
    pub lan: bool,
    /// Networks of containers and virtual machines on this machine.
    pub bridges: bool,
}

impl Surroundings {
    /// Reads them from the kernel. `links` are the names of the tunnel's interfaces.
    pub(super) async fn read(netlink: &Netlink, links: &[String], permitted: Permitted) -> Result<Self, OsError> {
        let found = netlink.links().await?;
        let (mut addresses, mut networks) = (Vec::new(), Vec::new());
        for (index, address, net) in netlink.addresses().await? {
            if let Some(link) = found.get(&index) {
                addresses.push((link.name.clone(), address));
                networks.push((link.name.clone(), net));
            }
        }
        let inside = inside_bridges(&found);
        let mut local = local_networks(&networks, links);
        local.retain(|network| if inside.contains(&network.interface) { permitted.bridges } else { permitted.lan });
        let is_outside =
            |link: &&LinkInfo| link.name != "lo" && link.controller.is_none() && !links.contains(&link.name);
        let names = found.values().filter(is_outside).filter_map(|link| LinkName::new(&link.name)).collect();
        Ok(Self { own: own_addresses(&addresses, links), local, links: names })
    }
}

/// Names of bridges that connect only containers and virtual machines of this machine: each port is one end of a pair
/// (`veth(4)`) or a TAP device. A bridge without ports connects nothing else.
fn inside_bridges(links: &HashMap<u32, LinkInfo>) -> BTreeSet<String> {
    let is_inside = |index: u32| {
        let mut ports = links.values().filter(|link| link.controller == Some(index));
        ports.all(|port| matches!(port.kind, Kind::Pair | Kind::Tap))
    };
    let bridges = links.iter().filter(|(index, link)| link.kind == Kind::Bridge && is_inside(**index));
    bridges.map(|(_, link)| link.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bridge_with_a_port_to_another_machine_is_not_inside() {
        let link = |name: &str, kind, controller| LinkInfo { name: name.into(), kind, controller };
        let links = HashMap::from([
            (1, link("docker0", Kind::Bridge, None)),
            (2, link("veth1", Kind::Pair, Some(1))),
            (3, link("virbr0", Kind::Bridge, None)),
            (4, link("vnet0", Kind::Tap, Some(3))),
            (5, link("br0", Kind::Bridge, None)),
            (6, link("eth0", Kind::Other, Some(5))),
            (7, link("vnet1", Kind::Tap, Some(5))),
            (8, link("wlan0", Kind::Other, None)),
        ]);
        assert!(inside_bridges(&links).iter().eq(["docker0", "virbr0"]));
    }
}
