//! Determines which networks are local: directly connected and private.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network to which this machine is connected.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalNetwork {
    /// Name of the interface.
    pub interface: String,
    /// The network's prefix.
    pub net: IpNet,
}

/// Ranges that are never routed on the internet (RFC 1918, RFC 3927, RFC 4193, RFC 4291). A network that claims another
/// range may be hostile and try to capture traffic to the hosts of that range.
const PRIVATE: [IpNet; 6] =
    [v4(10, 0, 8), v4(172, 16, 12), v4(192, 168, 16), v4(169, 254, 16), v6(0xfc00, 7), v6(0xfe80, 10)];

/// Ranges from which the server's Tor assigns addresses to `.onion` names, with the server's default configuration
/// (`VirtualAddrNetwork`). A local network that claims them would receive connections to onion services.
#[must_use]
pub fn onion_ranges() -> Vec<IpNet> {
    let v6 = Ipv6Net::new_assert(Ipv6Addr::new(0xfd74, 0x6f72, 0x6f6e, 0, 0, 0, 0, 0), 48);
    vec![v4(10, 192, 10), IpNet::V6(v6)]
}

/// Returns true if the two networks share an address.
#[must_use]
pub fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

/// The local networks among the addresses of interfaces. `own` are the names of the tunnel's interfaces.
#[must_use]
pub fn local_networks(addresses: &[(String, IpNet)], own: &[String]) -> Vec<LocalNetwork> {
    let is_local = |interface: &String, net: &IpNet| {
        let alone = net.prefix_len() == net.max_prefix_len();
        interface != "lo" && !own.contains(interface) && !alone && PRIVATE.iter().any(|range| range.contains(net))
    };
    let mut networks: Vec<LocalNetwork> = addresses
        .iter()
        .filter(|(interface, net)| is_local(interface, net))
        .map(|(interface, net)| LocalNetwork { interface: interface.clone(), net: net.trunc() })
        .collect();
    networks.sort_unstable();
    networks.dedup();
    networks
}

/// This machine's addresses outside the tunnel. Link-local IPv6 addresses exist on every link, so they are left out.
#[must_use]
pub fn own_addresses(addresses: &[(String, IpAddr)], own: &[String]) -> Vec<IpAddr> {
    let outside = addresses.iter().filter(|(interface, _)| interface != "lo" && !own.contains(interface));
    let mut found: Vec<IpAddr> =
        outside.map(|(_, address)| *address).filter(|ip| !v6(0xfe80, 10).contains(ip)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

const fn v4(first: u8, second: u8, length: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(first, second, 0, 0), length))
}

const fn v6(first: u16, length: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 0), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_ranges_and_the_tunnels_own_are_not_local() {
        let on = |interface: &str, net: &str| (interface.to_owned(), net.parse::<IpNet>().unwrap());
        let addresses = [
            on("eth0", "192.168.7.5/24"),
            on("eth0", "203.0.113.5/24"),
            on("eth0", "10.0.0.1/4"),
            on("eth0", "0.0.0.0/1"),
            on("eth0", "fe80::5/64"),
            on("eth0", "2001:db8::5/64"),
            on("eth0", "fd00::5/64"),
            on("eth0", "172.16.0.1/32"),
            on("lo", "10.1.2.3/8"),
            on("tornado0", "10.8.0.2/16"),
        ];
        let found = local_networks(&addresses, &["tornado0".into(), "tornado1".into()]);
        let found: Vec<String> = found.iter().map(|n| n.net.to_string()).collect();
        assert_eq!(found, ["192.168.7.0/24", "fd00::/64", "fe80::/64"]);
        let addresses: Vec<_> = addresses.iter().map(|(interface, net)| (interface.clone(), net.addr())).collect();
        let own = own_addresses(&addresses, &["tornado0".into(), "tornado1".into()]);
        assert!(own.contains(&"203.0.113.5".parse().unwrap()) && own.contains(&"2001:db8::5".parse().unwrap()));
        assert!(own.len() == 7, "{own:?}");
    }

    #[test]
    fn a_network_that_claims_onion_addresses_overlaps_them() {
        let claims = |net: &str| onion_ranges().iter().any(|range| overlap(range, &net.parse().unwrap()));
        for net in ["10.0.0.0/8", "10.200.1.0/24", "10.192.0.0/10", "fd74:6f72:6f6e:1::/64", "fd00::/8"] {
            assert!(claims(net), "{net}");
        }
        for net in ["10.128.0.0/10", "192.168.7.0/24", "fd74:6f72:6e61::/48", "fe80::/64"] {
            assert!(!claims(net), "{net}");
        }
    }
}
