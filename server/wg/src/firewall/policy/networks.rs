//! Determines which destinations are the internet. Pure.
//!
//! A device of the direct lane reaches the internet, but not the server's own networks. Addresses that are not global
//! are refused in all their encodings, and so are packets that would not leave by an uplink. An operator can allow
//! networks by prefix.

use super::super::chain::{Chain, Family, Rule, interface_set, plain, rule};
use super::model::Policy;
use crate::host::HostInterfaces;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::Ipv6Addr;

/// IPv4 addresses that are not global (IANA's registry of special-purpose addresses), except the documentation ranges,
/// which are not routed. The last one is the metadata service of a large provider, at a global address.
const NOT_GLOBAL_V4: [&str; 14] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "168.63.129.16/32",
];
/// The IPv6 addresses that can be global: global unicast (RFC 4291) and the well-known prefix of NAT64 (RFC 6052). This
/// excludes loopback, IPv4-mapped, NAT64 for local use (RFC 8215), unique local, link-local, site-local and multicast
/// addresses.
const GLOBAL_V6: [&str; 2] = ["2000::/3", "64:ff9b::/96"];
/// Exception within them: Teredo (RFC 4380), which can carry any IPv4 address.
const NOT_GLOBAL_V6: &str = "2001::/32";

/// Chain of the uplinks.
pub(crate) const UPLINKS: &str = "uplinks";

/// The destinations of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Networks {
    /// IPv4 networks refused by address.
    refused4: Vec<IpNet>,
    /// IPv6 networks that are not refused by address, except those in `refused6`.
    global6: Vec<IpNet>,
    refused6: Vec<IpNet>,
    /// Networks that the operator allows.
    allowed4: Vec<IpNet>,
    allowed6: Vec<IpNet>,
}

impl Networks {
    pub(crate) fn of(policy: &Policy) -> Self {
        let (d, t) = (&policy.direct.pool, &policy.tor.pool);
        let pools: Vec<IpNet> = vec![d.v4.into(), t.v4.into(), d.v6.into(), t.v6.into()];
        // An allowed network must not let devices reach each other.
        let allowed = minus(&policy.allow_networks, &pools);
        let (allowed4, allowed6): (Vec<_>, Vec<_>) = allowed.into_iter().partition(|net| net.addr().is_ipv4());

        let special: Vec<Ipv4Net> = NOT_GLOBAL_V4.iter().filter_map(|net| net.parse().ok()).collect();
        let refused4: Vec<IpNet> = special.iter().copied().chain([d.v4, t.v4]).map(IpNet::V4).collect();
        let embedded = special.iter().flat_map(|net| [six_to_four(*net), nat64(*net)]).map(IpNet::V6);
        let refused6: Vec<IpNet> =
            embedded.chain(NOT_GLOBAL_V6.parse().ok()).chain([d.v6.into(), t.v6.into()]).collect();
        let global6 = GLOBAL_V6.iter().filter_map(|net| net.parse().ok()).chain(allowed6.iter().copied());
        Self {
            refused4: minus(&refused4, &allowed4),
            global6: IpNet::aggregate(&global6.collect()),
            refused6: minus(&refused6, &allowed6),
            allowed4,
            allowed6,
        }
    }

    /// The chain that refuses by address and leaves the rest to the chain of uplinks.
    pub(crate) fn destinations(&self) -> Chain {
        plain(
            "destinations",
            vec![
                rule(format!("ip daddr {} goto refuse", set(&self.refused4)), "not the internet"),
                rule(format!("ip6 daddr != {} goto refuse", set(&self.global6)), "not the internet, IPv6"),
                rule(format!("ip6 daddr {} goto refuse", set(&self.refused6)), "IPv4 in another encoding"),
                rule(format!("goto {}", UPLINKS), "by output interface"),
            ],
        )
    }

    /// Rules that return if the packet may leave by its output interface.
    pub(crate) fn uplinks(&self, host: &HostInterfaces) -> Vec<Rule> {
        let mut rules = Vec::new();
        for f in Family::ALL {
            let names = f.of(&host.uplinks4, &host.uplinks6);
            if !names.is_empty() {
                let text = format!("meta nfproto {} oifname {} return", f.nfproto(), interface_set(names));
                rules.push(rule(text, f.comment("to the internet")));
            }
        }
        for f in Family::ALL {
            let nets = f.of(&self.allowed4, &self.allowed6);
            if !nets.is_empty() {
                rules.push(rule(format!("{f} daddr {} return", set(nets)), f.comment("allowed networks")));
            }
        }
        rules.push(rule("goto refuse", "networks of this server"));
        rules
    }
}

fn set(nets: &[IpNet]) -> String {
    let nets: Vec<_> = nets.iter().map(ToString::to_string).collect();
    format!("{{ {} }}", nets.join(", "))
}

/// `nets` without the addresses in `holes`, sorted and aggregated.
fn minus(nets: &[IpNet], holes: &[IpNet]) -> Vec<IpNet> {
    let mut out = Vec::new();
    for net in nets {
        cut(net.trunc(), holes, &mut out);
    }
    IpNet::aggregate(&out)
}

fn cut(net: IpNet, holes: &[IpNet], out: &mut Vec<IpNet>) {
    if holes.iter().any(|hole| hole.contains(&net)) {
        return;
    }
    if !holes.iter().any(|hole| net.contains(hole)) {
        out.push(net);
        return;
    }
    // The network contains a smaller one, so it has two halves.
    let halves = net.subnets(net.prefix_len() + 1);
    for half in halves.into_iter().flatten() {
        cut(half, holes, out);
    }
}

/// The 6to4 networks behind these addresses (RFC 3056).
fn six_to_four(net: Ipv4Net) -> Ipv6Net {
    let [a, b, c, d] = net.network().octets().map(u16::from);
    Ipv6Net::new_assert(Ipv6Addr::new(0x2002, a << 8 | b, c << 8 | d, 0, 0, 0, 0, 0), 16 + net.prefix_len())
}

/// These addresses in the well-known prefix of NAT64 (RFC 6052).
fn nat64(net: Ipv4Net) -> Ipv6Net {
    let [a, b, c, d] = net.network().octets().map(u16::from);
    Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a << 8 | b, c << 8 | d), 96 + net.prefix_len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Lanes, Settings, Wiring};
    use std::net::IpAddr;

    fn refuses(networks: &Networks, address: &str) -> bool {
        let address: IpAddr = address.parse().unwrap();
        let within = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&address));
        match address {
            IpAddr::V4(_) => within(&networks.refused4),
            IpAddr::V6(_) => !within(&networks.global6) || within(&networks.refused6),
        }
    }

    fn of(allow: &[&str]) -> Networks {
        let allow_networks = allow.iter().map(|net| net.parse().unwrap()).collect();
        let wiring = Wiring { lanes: Lanes { allow_networks, ..Lanes::default() }, ..Wiring::default() };
        Networks::of(&Policy::of(&Settings { wiring, ..Settings::default() }).unwrap())
    }

    #[test]
    fn no_encoding_of_a_private_address_is_the_internet() {
        let networks = of(&[]);
        for address in [
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.17.0.2",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.7.1",
            "168.63.129.16",
            "198.18.0.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "10.8.0.2",
            "10.9.0.2",
            "::",
            "::1",
            "::10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:8.8.8.8",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2002:a9fe:a9fe::1",
            "2002:0a00:0001::1",
            "2002:c0a8:0701::c0a8:701",
            "fc00::1",
            "fd00:ec2::254",
            "fd74:6f72:6e61:8::2",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
            "4000::1",
            "5f00::1",
        ] {
            assert!(refuses(&networks, address), "{address}");
        }
        for address in [
            "1.1.1.1",
            "172.32.0.1",
            "192.0.2.1",
            "198.51.100.2",
            "203.0.113.9",
            "223.255.255.255",
            "168.63.129.17",
            "2001:db8:2::2",
            "2606:4700::1111",
            "64:ff9b::1.1.1.1",
            "2002:0101:0101::1",
            "3fff::1",
        ] {
            assert!(!refuses(&networks, address), "{address}");
        }
    }

    #[test]
    fn an_allowed_network_opens_nothing_of_the_pools() {
        let networks = of(&["192.168.7.0/24", "10.0.0.0/8", "fd00::/8"]);
        for address in ["192.168.7.9", "10.7.0.1", "fd00::1", "fdff::1"] {
            assert!(!refuses(&networks, address), "{address}");
        }
        for address in ["192.168.6.9", "10.8.0.2", "10.9.3.4", "fd74:6f72:6e61:8::2", "fc00::1", "64:ff9b::10.7.0.1"] {
            assert!(refuses(&networks, address), "{address}");
        }
    }
}
