//! Names, addresses and links of a lab, as data.
//!
//! Addresses are reserved for documentation (RFC 5737, RFC 3849), so they cannot be confused with real hosts.

use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Maximum number of devices: they differ in the last byte of their address.
pub const DEVICES_MAX: u16 = 200;

/// Addresses of a host on its uplink `eth0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// IPv4.
    pub v4: Ipv4Addr,
    /// IPv6.
    pub v6: Ipv6Addr,
}

/// Public addresses of the VPN server, as which `internet` sees translated packets.
pub const SERVER: Addresses =
    Addresses { v4: Ipv4Addr::new(203, 0, 113, 10), v6: Ipv6Addr::new(0x2001, 0xdb8, 0x113, 0, 0, 0, 0, 0x10) };

/// Addresses of the host with the servers of the lab's internet.
pub const INTERNET: Addresses =
    Addresses { v4: Ipv4Addr::new(192, 0, 2, 80), v6: Ipv6Addr::new(0x2001, 0xdb8, 0x80, 0, 0, 0, 0, 0x80) };

/// Uplink addresses of device `number`, counted from 1.
#[must_use]
pub fn device_addresses(number: u16) -> Addresses {
    let [_, last] = number.to_be_bytes();
    Addresses { v4: Ipv4Addr::new(198, 51, 100, last), v6: Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, number) }
}

/// The provider's address for every device, outside of the devices' range.
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 254);

/// Hosts of a lab in the order of their creation.
pub(crate) fn hosts(devices: u16) -> Vec<String> {
    let mut hosts = vec!["access".to_owned(), "server".to_owned(), "internet".to_owned()];
    hosts.extend((1..=devices).map(|n| format!("device{n}")));
    hosts
}

/// Network namespace of a host.
pub(crate) fn namespace(lab: &str, host: &str) -> String {
    format!("tnd-{lab}-{host}")
}

/// `ip -batch` lines for each host. The first entry creates all links, so the order matters.
pub(crate) fn wiring(lab: &str, devices: u16) -> Vec<(String, Vec<String>)> {
    let wire =
        |near: &str, host: &str| format!("link add {near} type veth peer name eth0 netns {}", namespace(lab, host));
    let mut access = vec!["link set lo up".to_owned(), wire("server", "server"), wire("internet", "internet")];
    for (link, v4, v6) in
        [("server", "203.0.113.1/24", "2001:db8:113::1/64"), ("internet", "192.0.2.1/24", "2001:db8:80::1/64")]
    {
        access.push(format!("link set {link} up"));
        access.push(format!("addr add {v4} dev {link}"));
        access.push(format!("addr add {v6} dev {link} nodad"));
    }
    let mut plan = Vec::new();
    let mut far = vec![
        ("server".to_owned(), uplink(SERVER, "203.0.113.1", "2001:db8:113::1", (24, 64))),
        ("internet".to_owned(), uplink(INTERNET, "192.0.2.1", "2001:db8:80::1", (24, 64))),
    ];
    for number in 1..=devices {
        let (link, own) = (format!("dev{number}"), device_addresses(number));
        access.push(wire(&link, &format!("device{number}")));
        access.push(format!("link set {link} up"));
        access.push(format!("addr add {GATEWAY}/32 dev {link}"));
        access.push(format!("addr add fe80::1/64 dev {link} nodad"));
        access.push(format!("route add {}/32 dev {link}", own.v4));
        access.push(format!("route add {}/128 dev {link}", own.v6));
        far.push((format!("device{number}"), uplink(own, &GATEWAY.to_string(), "fe80::1", (32, 128))));
    }
    plan.push(("access".to_owned(), access));
    plan.extend(far);
    plan
}

/// The far end of a link: addresses and default routes.
fn uplink(own: Addresses, via4: &str, via6: &str, (bits4, bits6): (u8, u8)) -> Vec<String> {
    vec![
        "link set lo up".to_owned(),
        "link set eth0 up".to_owned(),
        format!("addr add {}/{bits4} dev eth0", own.v4),
        format!("addr add {}/{bits6} dev eth0 nodad", own.v6),
        format!("route add default via {via4} dev eth0 onlink"),
        format!("route add default via {via6} dev eth0"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_hosts_share_an_address() {
        let mut seen: HashSet<_> = (1..=DEVICES_MAX).map(|n| device_addresses(n).v4).collect();
        seen.extend([SERVER.v4, INTERNET.v4, GATEWAY]);
        assert_eq!(seen.len(), usize::from(DEVICES_MAX) + 3);
    }

    #[test]
    fn interface_names_fit_the_kernel() {
        for (_, lines) in wiring("abcdefgh", DEVICES_MAX) {
            for line in lines.iter().filter(|l| l.starts_with("link add ")) {
                let name = line.split(' ').nth(2).unwrap();
                assert!(name.len() <= 15, "{name}");
            }
        }
    }

    #[test]
    fn every_host_is_wired() {
        let hosts_wired: Vec<_> = wiring("x", 3).into_iter().map(|(host, _)| host).collect();
        assert_eq!(hosts_wired, hosts(3));
    }
}
