//! Finds the host's uplinks: the interfaces with a default route.

use super::netlink::{Netlink, NetlinkError, failed};
use super::sysctl;
use futures::TryStreamExt as _;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkInfo};
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage, RouteType};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest prefix of a route that counts as a default route, for IPv4 (two halves) and IPv6 (`2000::/3`, global
/// unicast).
const DEFAULT_PREFIX: (u8, u8) = (1, 3);

/// Interfaces of the host, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HostInterfaces {
    /// Those with an IPv4 default route.
    pub(crate) uplinks4: BTreeSet<String>,
    /// Those with an IPv6 default route.
    pub(crate) uplinks6: BTreeSet<String>,
    /// Those that forward IPv4 only for the lanes.
    pub(crate) closed4: BTreeSet<String>,
    /// Interfaces whose incoming IPv6 packets the host may forward. `None`: the host forwards for all interfaces.
    pub(crate) open6: Option<BTreeSet<String>>,
    /// Bridges and their link-layer addresses.
    pub(crate) bridges: BTreeMap<String, Mac>,
}

/// An Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mac(pub(crate) [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The interfaces with a default route in any routing table, except the `lanes`.
pub(crate) async fn uplinks(netlink: &Netlink, lanes: [&str; 2]) -> Result<HostInterfaces, NetlinkError> {
    let (names, bridges) = links(netlink).await?;
    let v4 = default_outputs(netlink, RouteMessageBuilder::<Ipv4Addr>::new().build(), DEFAULT_PREFIX.0).await?;
    let v6 = if sysctl::has_ipv6() {
        default_outputs(netlink, RouteMessageBuilder::<Ipv6Addr>::new().build(), DEFAULT_PREFIX.1).await?
    } else {
        BTreeSet::new()
    };
    let named = |indices: BTreeSet<u32>| {
        let all = indices.into_iter().filter_map(|index| names.get(&index));
        all.filter(|name| !lanes.contains(&name.as_str()) && is_plain(name)).cloned().collect()
    };
    Ok(HostInterfaces { uplinks4: named(v4), uplinks6: named(v6), bridges, ..HostInterfaces::default() })
}

async fn default_outputs(
    netlink: &Netlink,
    family: RouteMessage,
    longest_prefix: u8,
) -> Result<BTreeSet<u32>, NetlinkError> {
    let mut routes = netlink.handle().route().get(family).execute();
    let mut outputs = BTreeSet::new();
    while let Some(route) = routes.try_next().await.map_err(|e| failed("list the routes", e))? {
        if route.header.destination_prefix_length <= longest_prefix && route.header.kind == RouteType::Unicast {
            outputs.extend(outputs_of(&route));
        }
    }
    Ok(outputs)
}

/// All links by index, and the bridges among them.
async fn links(netlink: &Netlink) -> Result<(BTreeMap<u32, String>, BTreeMap<String, Mac>), NetlinkError> {
    let mut links = netlink.handle().link().get().execute();
    let (mut names, mut bridges) = (BTreeMap::new(), BTreeMap::new());
    while let Some(link) = links.try_next().await.map_err(|e| failed("list the interfaces", e))? {
        let (mut name, mut mac, mut is_bridge) = (None, None, false);
        for attribute in link.attributes {
            if let LinkAttribute::IfName(found) = attribute {
                name = Some(found);
            } else if let LinkAttribute::Address(found) = attribute {
                mac = <[u8; 6]>::try_from(found).ok();
            } else if let LinkAttribute::LinkInfo(infos) = attribute {
                is_bridge = infos.contains(&LinkInfo::Kind(InfoKind::Bridge));
            }
        }
        let Some(name) = name else { continue };
        bridges.extend(mac.filter(|_| is_bridge && is_plain(&name)).map(|mac| (name.clone(), Mac(mac))));
        names.insert(link.header.index, name);
    }
    Ok((names, bridges))
}

/// Output interfaces of a route; a multipath route has several.
fn outputs_of(route: &RouteMessage) -> Vec<u32> {
    let of = |attribute: &RouteAttribute| {
        if let RouteAttribute::Oif(index) = attribute {
            return vec![*index];
        }
        let RouteAttribute::MultiPath(hops) = attribute else { return Vec::new() };
        hops.iter().map(|hop| hop.interface_index).collect()
    };
    route.attributes.iter().flat_map(of).collect()
}

/// True if the name can stand in a ruleset. The kernel allows almost every byte in an interface name.
pub(super) fn is_plain(name: &str) -> bool {
    name != "lo" && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@:".contains(c))
}
