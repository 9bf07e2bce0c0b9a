//! Router advertisements (RFC 4861 §4.2, RFC 4191 §2.3).

use crate::HarnessError;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::net::{Ipv6Addr, SocketAddrV6};

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const LIFETIME: [u8; 4] = 1800u32.to_be_bytes();

/// Sends an advertisement from an interface of the current namespace.
pub(super) fn send(interface: &str, prefix: Ipv6Addr, routes: &[(Ipv6Addr, u8)]) -> Result<(), HarnessError> {
    let send = || -> std::io::Result<()> {
        let index = nix::net::if_::if_nametoindex(interface)?;
        let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
        socket.bind_device(Some(interface.as_bytes()))?;
        socket.set_multicast_hops_v6(255)?;
        let to = SockAddr::from(SocketAddrV6::new(ALL_NODES, 0, 0, index));
        socket.send_to(&message(prefix, routes), &to).map(drop)
    };
    send().map_err(HarnessError::io("cannot send a router advertisement"))
}

/// The message. The kernel computes the checksum.
fn message(prefix: Ipv6Addr, routes: &[(Ipv6Addr, u8)]) -> Vec<u8> {
    // Type, code, checksum, hop limit, flags, lifetime of the default route, reachable time, retransmission time.
    let mut bytes = vec![134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    // Prefix information: on-link, autonomous address configuration.
    bytes.extend([3, 4, 64, 0xc0]);
    bytes.extend(LIFETIME);
    bytes.extend(LIFETIME);
    bytes.extend([0; 4]);
    bytes.extend(prefix.octets());
    for (to, length) in routes {
        // Route information with high preference.
        bytes.extend([24, 3, *length, 0x08]);
        bytes.extend(LIFETIME);
        bytes.extend(to.octets());
    }
    bytes
}
