//! Finds the host's uplinks: the interfaces with a default route.

use crate::firewall::{Host, Mac};
use crate::netlink::{Netlink, NetlinkError, failed};
use crate::sysctl;
use futures::TryStreamExt as _;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkInfo};
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage, RouteType};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest prefix of a route that counts as a default route, for IPv4 (two halves) and IPv6 (`2000::/3`, global
/// unicast).
pub(crate) const WHOLE: (u8, u8) = (1, 3);

impl Netlink {
    /// The interfaces with a default route in any routing table, except the `lanes`.
    pub(crate) async fn uplinks(&self, lanes: [&str; 2]) -> Result<Host, NetlinkError> {
        let (names, bridges) = self.names().await?;
        let v4 = self.ways(RouteMessageBuilder::<Ipv4Addr>::new().build(), WHOLE.0).await?;
        let v6 = if sysctl::has_ipv6() {
            self.ways(RouteMessageBuilder::<Ipv6Addr>::new().build(), WHOLE.1).await?
        } else {
            BTreeSet::new()
        };
        let named = |ways: BTreeSet<u32>| {
            let all = ways.into_iter().filter_map(|way| names.get(&way));
            all.filter(|name| !lanes.contains(&name.as_str()) && is_plain(name)).cloned().collect()
        };
        Ok(Host { uplinks4: named(v4), uplinks6: named(v6), bridges, ..Host::default() })
    }

    async fn ways(&self, family: RouteMessage, whole: u8) -> Result<BTreeSet<u32>, NetlinkError> {
        let mut routes = self.handle.route().get(family).execute();
        let mut ways = BTreeSet::new();
        while let Some(route) = routes.try_next().await.map_err(|e| failed("list the routes", e))? {
            if route.header.destination_prefix_length <= whole && route.header.kind == RouteType::Unicast {
                ways.extend(outputs(&route));
            }
        }
        Ok(ways)
    }

    /// All links by index, and the bridges among them.
    async fn names(&self) -> Result<(BTreeMap<u32, String>, BTreeMap<String, Mac>), NetlinkError> {
        let mut links = self.handle.link().get().execute();
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
}

/// Output interfaces of a route; a multipath route has several.
fn outputs(route: &RouteMessage) -> Vec<u32> {
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
pub(crate) fn is_plain(name: &str) -> bool {
    name != "lo" && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@:".contains(c))
}
