//! Malformed and unusual IP packets, built byte by byte and sent through an interface.

use anyhow::{Context as _, Result};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// One crafted packet.
#[derive(Debug, Clone)]
pub struct Crafted {
    /// Its name in the test's report.
    pub name: &'static str,
    /// The complete IP packet.
    pub bytes: Vec<u8>,
}

/// Returns every kind of packet that a tor lane must not let out, from one source to one destination, in both address
/// families.
#[must_use]
pub fn arsenal(from: (Ipv4Addr, Ipv6Addr), to: (Ipv4Addr, Ipv6Addr)) -> Vec<Crafted> {
    let v4 = |name, protocol, payload: &[u8]| Crafted { name, bytes: ipv4(from.0, to.0, protocol, 0, payload) };
    let v6 = |name, next, payload: &[u8]| Crafted { name, bytes: ipv6(from.1, to.1, next, payload) };
    let fragment = |offset_and_flags, payload: &[u8]| ipv4(from.0, to.0, 17, offset_and_flags, payload);
    let mut all = vec![
        v4("ICMP echo request", 1, &icmp_echo()),
        v4("UDP to DNS", 17, &udp(53)),
        v4("UDP to HTTPS", 17, &udp(443)),
        v4("UDP with a wrong checksum", 17, &[0, 7, 0, 7, 0, 12, 0xde, 0xad, 1, 2, 3, 4]),
        v4("TCP SYN", 6, &tcp(0x02)),
        v4("TCP without flags", 6, &tcp(0x00)),
        v4("TCP with all flags", 6, &tcp(0xff)),
        v4("TCP ACK of no connection", 6, &tcp(0x10)),
        v4("TCP RST of no connection", 6, &tcp(0x04)),
        v4("TCP cut short", 6, &[0, 80, 0, 80, 0]),
        Crafted { name: "first fragment of UDP", bytes: fragment(0x2000, &[0; 16]) },
        Crafted { name: "last fragment of UDP", bytes: fragment(0x0002, &[0; 16]) },
        v6("ICMPv6 echo request", 58, &[128, 0, 0, 0, 0, 1, 0, 1]),
        v6("UDP over IPv6", 17, &udp(53)),
        v6("TCP SYN over IPv6", 6, &tcp(0x02)),
        v6("IPv6 with a hop-by-hop header", 0, &[17, 0, 1, 4, 0, 0, 0, 0, 0, 7, 0, 7, 0, 8, 0, 0]),
    ];
    let others = [
        (2, "IGMP"),
        (4, "IP in IP"),
        (41, "IPv6 in IP"),
        (47, "GRE"),
        (50, "ESP"),
        (51, "AH"),
        (132, "SCTP"),
        (136, "UDP-Lite"),
        (255, "raw"),
    ];
    for (protocol, name) in others {
        all.push(v4(name, protocol, &[0x5a; 24]));
    }
    all
}

/// Sends crafted packets through the routes of the calling thread's network namespace; returns how many the kernel
/// accepted. IPv6 goes through a packet socket on an interface, because the kernel would rewrite it otherwise.
///
/// # Errors
///
/// Fails if a raw socket cannot be opened.
pub fn send(interface: &str, packets: &[Crafted]) -> Result<usize> {
    let raw4 = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::RAW, Some(socket2::Protocol::from(255)))
        .context("cannot open a raw IPv4 socket")?;
    raw4.set_header_included_v4(true)?;
    raw4.bind_device(Some(interface.as_bytes()))?;
    let raw6 = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::RAW, Some(socket2::Protocol::from(255)))
        .context("cannot open a raw IPv6 socket")?;
    raw6.set_header_included_v6(true)?;
    raw6.bind_device(Some(interface.as_bytes()))?;
    let mut taken = 0;
    for packet in packets {
        let sent = match packet.bytes.first().map(|b| b >> 4) {
            Some(4) => raw4.send_to(&packet.bytes, &destination4(&packet.bytes)?.into()),
            Some(6) => raw6.send_to(&packet.bytes, &destination6(&packet.bytes)?.into()),
            _ => continue,
        };
        // The kernel rejects some of them; those cannot leak.
        taken += usize::from(sent.is_ok());
    }
    Ok(taken)
}

fn destination4(bytes: &[u8]) -> Result<SocketAddr> {
    let octets: [u8; 4] = bytes.get(16..20).context("short")?.try_into()?;
    Ok(SocketAddrV4::new(Ipv4Addr::from(octets), 0).into())
}

fn destination6(bytes: &[u8]) -> Result<SocketAddr> {
    let octets: [u8; 16] = bytes.get(24..40).context("short")?.try_into()?;
    Ok(SocketAddrV6::new(Ipv6Addr::from(octets), 0, 0, 0).into())
}

/// IPv4 header (RFC 791) with a correct checksum.
fn ipv4(from: Ipv4Addr, to: Ipv4Addr, protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap_or(u16::MAX);
    let mut header = vec![0x45, 0, 0, 0, 0x12, 0x34, 0, 0, 64, protocol, 0, 0];
    header[2..4].copy_from_slice(&length.to_be_bytes());
    header[6..8].copy_from_slice(&fragment.to_be_bytes());
    header.extend_from_slice(&from.octets());
    header.extend_from_slice(&to.octets());
    let sum = checksum(&header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    header.extend_from_slice(payload);
    header
}

/// IPv6 header (RFC 8200).
fn ipv6(from: Ipv6Addr, to: Ipv6Addr, next: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let mut packet = vec![0x60, 0, 0, 0, 0, 0, next, 64];
    packet[4..6].copy_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(&from.octets());
    packet.extend_from_slice(&to.octets());
    packet.extend_from_slice(payload);
    packet
}

/// Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes.chunks(2).map(|c| u32::from(c[0]) << 8 | u32::from(c.get(1).copied().unwrap_or(0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

fn icmp_echo() -> Vec<u8> {
    let mut message = vec![8, 0, 0, 0, 0, 1, 0, 1];
    let sum = checksum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

/// A UDP datagram without a checksum, which IPv4 allows.
fn udp(port: u16) -> Vec<u8> {
    let mut datagram = vec![0x30, 0x39, 0, 0, 0, 12, 0, 0, 1, 2, 3, 4];
    datagram[2..4].copy_from_slice(&port.to_be_bytes());
    datagram
}

/// A TCP segment to port 80 with these flags.
fn tcp(flags: u8) -> Vec<u8> {
    vec![0x30, 0x39, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0x20, 0, 0, 0, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_right() {
        let packet = ipv4(Ipv4Addr::new(10, 9, 0, 2), Ipv4Addr::new(192, 0, 2, 80), 47, 0, &[0; 4]);
        assert_eq!(checksum(&packet[..20]), 0, "a correct header must sum to zero");
        assert_eq!(packet.len(), 24);
    }
}
