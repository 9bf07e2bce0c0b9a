//! The server's public name or address when the configuration gives none.

use std::net::{IpAddr, UdpSocket};

/// The address this machine would use towards the internet, by either family. Nothing is sent: connecting
/// a UDP socket only asks the routing table (udp(7)). The destinations are documentation addresses (RFC 5737, RFC 3849).
pub fn detect() -> Option<IpAddr> {
    let towards = |bind: &str, destination: &str| {
        let socket = UdpSocket::bind(bind).ok()?;
        socket.connect(destination).ok()?;
        let address = socket.local_addr().ok()?.ip();
        (!address.is_unspecified() && !address.is_loopback()).then_some(address)
    };
    towards("0.0.0.0:0", "192.0.2.1:9").or_else(|| towards("[::]:0", "[2001:db8::1]:9"))
}
