//! What this machine offers: read again at each question, since it changes while services run.

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::net::{IpAddr, UdpSocket};
use std::path::Path;

/// Whether this machine speaks IPv6: the kernel has it, this process may use it, and it is not switched off.
/// `lo` stands for the rest: `net.ipv6.conf.all.disable_ipv6 = 1` reaches it too.
#[must_use]
pub fn has_ipv6() -> bool {
    let settings = Path::new("/proc/sys/net/ipv6/conf/lo/disable_ipv6");
    let is_on = std::fs::read_to_string(settings).is_ok_and(|text| text.trim() == "0");
    is_on && socket(AddressFamily::Inet6, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).is_ok()
}

/// The address this machine would use towards the internet, by either family. Nothing is sent: connecting
/// a UDP socket only asks the routing table (udp(7)). The destinations are documentation addresses (RFC 5737, RFC 3849).
#[must_use]
pub fn address() -> Option<IpAddr> {
    let towards = |bind: &str, destination: &str| {
        let socket = UdpSocket::bind(bind).ok()?;
        socket.connect(destination).ok()?;
        let address = socket.local_addr().ok()?.ip();
        (!address.is_unspecified() && !address.is_loopback()).then_some(address)
    };
    towards("0.0.0.0:0", "192.0.2.1:9").or_else(|| towards("[::]:0", "[2001:db8::1]:9"))
}
