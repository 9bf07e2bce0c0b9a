//! The canary's packets, byte by byte. No lane may let one of them out. Pure.
//!
//! Packets that are meant to be valid have correct checksums: connection tracking ignores packets with wrong ones, and
//! a masquerade rule works only on tracked packets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tornado_shared::model::LaneAddresses;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
/// Next-header value of the IPv6 fragment header.
const FRAGMENT: u8 = 44;
/// Source port, from the dynamic range of RFC 6335.
const PORT: u16 = 50_505;

/// Destinations of a round, within the networks for benchmarks (RFC 2544, RFC 5180), so that a leaked packet disturbs
/// no real host.
fn destination(marker: u128) -> LaneAddresses {
    let marker32 = u32::try_from(marker & 0x1_ffff).unwrap_or(0);
    LaneAddresses {
        v4: Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 0)) | marker32),
        v6: Ipv6Addr::from(0x2001_0002_0000_0000_0000_0000_0000_0000 | (marker & 0xffff_ffff_ffff_ffff_ffff)),
    }
}

/// The packets of one round. The random `marker` determines the destinations and the queried name. IPv6 packets are
/// included only if `with_ipv6`.
#[must_use]
pub(crate) fn crafted(from: LaneAddresses, marker: u128, with_ipv6: bool) -> Vec<Vec<u8>> {
    let to = destination(marker);
    let mut all = family(from.v4.into(), to.v4.into(), marker);
    all.push(packet(from.v4.into(), to.v4.into(), ICMP, with_checksum(vec![8, 0, 0, 0, 0, 1, 0, 1], 2, 0)));
    all.extend(fragments(from, to, with_ipv6));
    if with_ipv6 {
        all.extend(family(from.v6.into(), to.v6.into(), marker));
        let pseudo = pseudo(from.v6.into(), to.v6.into(), ICMPV6, 8);
        let echo = with_checksum(vec![128, 0, 0, 0, 0, 1, 0, 1], 2, pseudo);
        all.push(packet(from.v6.into(), to.v6.into(), ICMPV6, echo));
    }
    all
}

/// A datagram in two fragments, which a host reassembles before it filters, and a first fragment without a second.
fn fragments(from: LaneAddresses, to: LaneAddresses, with_ipv6: bool) -> Vec<Vec<u8>> {
    // A UDP header (RFC 768) without a checksum and eight bytes of payload, then eight more bytes.
    let (head, tail) = ([197, 73, 1, 187, 0, 24, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8], [9; 8]);
    let v4 = |name: u16, place: u16, payload: &[u8]| {
        let mut bytes = packet(from.v4.into(), to.v4.into(), UDP, payload.to_vec());
        let parts = [name.to_be_bytes(), place.to_be_bytes()].concat();
        if let Some(header) = bytes.get_mut(..20) {
            header.get_mut(4..8).into_iter().for_each(|field| field.copy_from_slice(&parts));
            header.get_mut(10..12).into_iter().for_each(|field| field.fill(0));
            let summed = with_checksum(header.to_vec(), 10, 0);
            header.copy_from_slice(&summed);
        }
        bytes
    };
    const MORE: u16 = 0x2000;
    let mut all = vec![v4(7, MORE, &head), v4(7, 2, &tail), v4(8, MORE, &head)];
    if with_ipv6 {
        // Fragment header (RFC 8200 §4.5). UDP over IPv6 requires a checksum, but the host reassembles the datagram
        // without one.
        let v6 = |name: u8, place: u16, payload: &[u8]| {
            let [high, low] = place.to_be_bytes();
            let part = [&[UDP, 0, high, low, 0, 0, 0, name], payload].concat();
            packet(from.v6.into(), to.v6.into(), FRAGMENT, part)
        };
        all.extend([v6(7, 1, &head), v6(7, 16, &tail), v6(8, 1, &head)]);
    }
    all
}

/// The packets that both families have.
fn family(from: IpAddr, to: IpAddr, marker: u128) -> Vec<Vec<u8>> {
    let one = |protocol, payload: Vec<u8>| packet(from, to, protocol, payload);
    let datagram = |port: u16, payload: &[u8]| {
        let length = u16::try_from(8 + payload.len()).unwrap_or(u16::MAX);
        let mut bytes = [PORT.to_be_bytes(), port.to_be_bytes(), length.to_be_bytes(), [0, 0]].concat();
        bytes.extend_from_slice(payload);
        let pseudo = pseudo(from, to, UDP, bytes.len());
        one(UDP, with_checksum(bytes, 6, pseudo))
    };
    let segment = |port: u16, flags: u8| {
        let mut bytes = [PORT.to_be_bytes(), port.to_be_bytes()].concat();
        bytes.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0x20, 0, 0, 0, 0, 0]);
        let pseudo = pseudo(from, to, TCP, bytes.len());
        one(TCP, with_checksum(bytes, 16, pseudo))
    };
    vec![
        datagram(53, &question(marker)),
        datagram(443, b"canary"),
        segment(443, 0x02),
        segment(80, 0x00),
        segment(80, 0xff),
        segment(22, 0x10),
        // GRE, ESP, SCTP, UDP-Lite and a number for experiments.
        one(47, vec![0; 16]),
        one(50, vec![0x5a; 24]),
        one(132, vec![0x5a; 24]),
        one(136, vec![0x5a; 24]),
        one(253, vec![0x5a; 24]),
    ]
}

/// A query for the TXT record of a random name. Tor's DNSPort answers it with "not implemented" without using a
/// circuit, so an exit cannot recognise the server by its canary.
fn question(marker: u128) -> Vec<u8> {
    let label = format!("{marker:032x}");
    let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 32];
    bytes.extend_from_slice(label.as_bytes());
    bytes.extend_from_slice(b"\x07invalid\x00\x00\x10\x00\x01");
    bytes
}

/// Prepends the IP header (RFC 791, RFC 8200) to a payload.
fn packet(from: IpAddr, to: IpAddr, protocol: u8, payload: Vec<u8>) -> Vec<u8> {
    let length = |more: usize| u16::try_from(payload.len() + more).unwrap_or(u16::MAX).to_be_bytes();
    let mut header = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let [high, low] = length(20);
            let mut header = vec![0x45, 0, high, low, 0x12, 0x34, 0, 0, 64, protocol, 0, 0];
            header.extend_from_slice(&from.octets());
            header.extend_from_slice(&to.octets());
            with_checksum(header, 10, 0)
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let [high, low] = length(0);
            let mut header = vec![0x60, 0, 0, 0, high, low, protocol, 64];
            header.extend_from_slice(&from.octets());
            header.extend_from_slice(&to.octets());
            header
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return Vec::new(),
    };
    header.extend(payload);
    header
}

/// Sum of the pseudo header (RFC 9293 §3.1, RFC 8200 §8.1).
fn pseudo(from: IpAddr, to: IpAddr, protocol: u8, length: usize) -> u32 {
    let bytes = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    sum(&bytes(from)) + sum(&bytes(to)) + u32::from(protocol) + u32::try_from(length).unwrap_or(0)
}

fn sum(bytes: &[u8]) -> u32 {
    let word = |pair: &[u8]| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        [] | [_, _, ..] => 0,
    };
    bytes.chunks(2).map(word).sum()
}

/// Writes the checksum (RFC 1071) at offset `at`. `before` is the sum of the bytes not in `bytes`, such as the pseudo
/// header.
fn with_checksum(mut bytes: Vec<u8>, at: usize, before: u32) -> Vec<u8> {
    let mut total = before + sum(&bytes);
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    let checksum = !u16::try_from(total).unwrap_or(0);
    if let Some(place) = bytes.get_mut(at..at + 2) {
        place.copy_from_slice(&checksum.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_checksums_are_right() {
        let from = LaneAddresses { v4: Ipv4Addr::new(10, 9, 255, 254), v6: "fd00::fffe".parse().unwrap() };
        let all = crafted(from, u128::MAX, true);
        assert_eq!(all.len(), 30);
        let folded = |mut n: u32| {
            while n > 0xffff {
                n = (n & 0xffff) + (n >> 16);
            }
            n
        };
        for bytes in &all {
            let (header, protocol, from, to): (_, _, IpAddr, IpAddr) = if bytes[0] >> 4 == 4 {
                assert_eq!(folded(sum(&bytes[..20])), 0xffff);
                assert_eq!(usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), bytes.len());
                let at = |n: usize| Ipv4Addr::from(<[u8; 4]>::try_from(&bytes[n..n + 4]).unwrap()).into();
                (20, bytes[9], at(12), at(16))
            } else {
                assert_eq!(usize::from(u16::from_be_bytes([bytes[4], bytes[5]])) + 40, bytes.len());
                let at = |n: usize| Ipv6Addr::from(<[u8; 16]>::try_from(&bytes[n..n + 16]).unwrap()).into();
                (40, bytes[6], at(8), at(24))
            };
            if header == 20 && bytes[6..8] != [0, 0] {
                continue;
            }
            let before = match protocol {
                TCP | UDP | ICMPV6 => pseudo(from, to, protocol, bytes.len() - header),
                ICMP => 0,
                _ => continue,
            };
            assert_eq!(folded(before + sum(&bytes[header..])), 0xffff, "protocol {protocol}");
        }
    }

    #[test]
    fn destinations_stay_within_the_networks_for_measurements() {
        for marker in [0, 1, u128::MAX, 0x1_0000] {
            let to = destination(marker);
            assert!(to.v4.octets()[0] == 198 && (18..=19).contains(&to.v4.octets()[1]), "{}", to.v4);
            assert_eq!(to.v6.segments()[..3], [0x2001, 2, 0], "{}", to.v6);
        }
    }
}
