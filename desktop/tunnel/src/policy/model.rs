//! Numbers, protocols and destinations that routing and firewall share.

use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Firewall mark of packets of the tunnel and the helper: "to" in ASCII.
pub const MARK: u32 = 0x746f;
/// Firewall mark of packets and connections of excluded programs: "tx" in ASCII.
pub const EXCLUDED_MARK: u32 = 0x7478;
/// Number of our routing table: "to" in ASCII.
pub const TABLE: u32 = 0x746f;
/// Number of the main table (`rtnetlink(7)`).
pub const MAIN: u32 = 254;
/// Routing protocol number of our rules and routes; unassigned in `/etc/iproute2/rt_protos`.
pub const PROTOCOL: u8 = 0x74;
/// Preferences of our rules, in order. They come before the main table's 32766.
pub const PREFERENCES: std::ops::RangeInclusive<u32> = 29_800..=29_806;
/// Ports of resolvers: DNS (RFC 1035) and DNS over TLS or QUIC (RFC 7858, RFC 9250).
pub const NAME_PORTS: [u16; 2] = [53, 853];
/// Ports for name resolution in the local network: mDNS (RFC 6762) and LLMNR (RFC 4795).
pub const NEIGHBOUR_NAME_PORTS: [u16; 2] = [5353, 5355];

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both families.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

/// Name of a network interface, at most 15 bytes (IFNAMSIZ, `netdevice(7)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkName([u8; 16]);

impl LinkName {
    /// Returns `None` if the name is longer.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        bytes.get_mut(..15)?.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(Self(bytes))
    }
}

impl std::fmt::Display for LinkName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.0.split(|byte| *byte == 0).next().unwrap_or_default();
        f.write_str(&String::from_utf8_lossy(name))
    }
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// Both protocols.
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Udp];
}

/// A network that is reached outside the tunnel, as if there were none. DNS to it is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Exempt {
    /// The network.
    pub net: IpNet,
    /// Whether only TCP to ports 80 and 443 is exempt: for the page of a captive portal.
    pub only_web: bool,
}

/// Traffic of the helper's marked sockets that must not go through the tunnel: to one port of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Outside {
    /// Transport protocol.
    pub transport: Transport,
    /// Destination.
    pub to: SocketAddr,
}

impl Outside {
    /// Traffic to a TCP port.
    #[must_use]
    pub const fn tcp(to: SocketAddr) -> Self {
        Self { transport: Transport::Tcp, to }
    }

    /// Traffic to a UDP port.
    #[must_use]
    pub const fn udp(to: SocketAddr) -> Self {
        Self { transport: Transport::Udp, to }
    }
}
