//! The routes that a routing requires, as data.

use crate::policy::{Default, Exempt, Family, Routing};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Where packets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Way {
    /// Into the tunnel.
    Tunnel,
    /// Where they would go without the tunnel.
    Outside,
}

/// The networks that need a route. Two halves of all addresses are more specific than the default route of any other
/// interface, whatever its metric. A family that the lane does not have needs none: the firewall blocks it. Directly
/// connected networks have more specific routes already; whether they may be used is decided by the firewall.
pub(super) fn routes(routing: &Routing) -> Vec<(IpNet, Way)> {
    let into_tunnel = routing.defaults.into_iter().filter(|(_, leads)| matches!(leads, Default::Tunnel(_)));
    let mut routes: Vec<(IpNet, Way)> =
        into_tunnel.flat_map(|(family, _)| halves(family)).map(|half| (half, Way::Tunnel)).collect();
    if !routes.is_empty() {
        routes.extend(routing.exempt().map(|Exempt { net, .. }| (net.trunc(), Way::Outside)));
        // The tunnel's resolvers are reached through it even if a local network contains their addresses.
        routes.extend(routing.names.iter().map(|server| (IpNet::from(*server), Way::Tunnel)));
    }
    routes.sort_unstable();
    routes.dedup();
    routes
}

const fn halves(family: Family) -> [IpNet; 2] {
    match family {
        Family::V4 => {
            let upper = Ipv4Net::new_assert(Ipv4Addr::new(128, 0, 0, 0), 1);
            [IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 1)), IpNet::V4(upper)]
        }
        Family::V6 => {
            let upper = Ipv6Net::new_assert(Ipv6Addr::new(0x8000, 0, 0, 0, 0, 0, 0, 0), 1);
            [IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 1)), IpNet::V6(upper)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Slot;

    fn text(routing: &Routing) -> Vec<String> {
        routes(routing).iter().map(|(net, way)| format!("{net} {way:?}")).collect()
    }

    #[test]
    fn only_families_of_the_lane_lead_into_the_tunnel() {
        let mut routing = Routing::new(Slot::A, &["10.8.0.2".parse().unwrap()], Vec::new());
        assert_eq!(text(&routing), ["0.0.0.0/1 Tunnel", "128.0.0.0/1 Tunnel"]);
        routing = Routing::new(Slot::B, &["10.8.0.2".parse().unwrap(), "fd74::2".parse().unwrap()], Vec::new());
        routing.exempt = vec![Exempt { net: "192.0.2.7/24".parse().unwrap(), only_web: false }];
        assert_eq!(
            text(&routing.guarded(vec!["10.8.0.1".parse().unwrap()])),
            [
                "0.0.0.0/1 Tunnel",
                "10.8.0.1/32 Tunnel",
                "128.0.0.0/1 Tunnel",
                "192.0.2.0/24 Outside",
                "::/1 Tunnel",
                "8000::/1 Tunnel"
            ]
        );
    }

    #[test]
    fn lockdown_needs_no_route() {
        assert!(text(&Routing::lockdown(Vec::new())).is_empty());
    }
}
