//! Positions in an IP packet, as far as coalescing and splitting need them.

use crate::checksum::{add, sum};

/// IP protocol numbers.
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;

/// TCP flags.
pub(crate) const FIN: u8 = 0x01;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;
pub(crate) const CWR: u8 = 0x80;

/// Reads two bytes in network byte order; zero if they are out of range.
pub(crate) fn be16(data: &[u8], at: usize) -> u16 {
    data.get(at..at + 2).map_or(0, |b| u16::from_be_bytes([b[0], b[1]]))
}

/// Reads four bytes in network byte order; zero if they are out of range.
pub(crate) fn be32(data: &[u8], at: usize) -> u32 {
    data.get(at..at + 4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
}

/// Writes bytes at a position; does nothing if there is no room.
pub(crate) fn put(data: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = data.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// Layout of a complete TCP or UDP packet without IPv4 options, IPv6 extensions or fragmentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) v6: bool,
    pub(crate) protocol: u8,
    /// Length of the IP header, which is the offset of the transport header.
    pub(crate) ip: usize,
    /// Length of both headers, which is the offset of the payload.
    pub(crate) headers: usize,
}

impl Layout {
    /// Returns `None` for all other packets, and for inconsistent lengths.
    pub(crate) fn of(packet: &[u8]) -> Option<Self> {
        let (v6, ip, protocol) = match packet.first()? >> 4 {
            4 if packet[0] & 0x0f == 5 && packet.len() >= 20 => {
                let fragment = be16(packet, 6) & 0x3fff;
                if usize::from(be16(packet, 2)) != packet.len() || fragment != 0 {
                    return None;
                }
                (false, 20, packet[9])
            }
            6 if packet.len() >= 40 => {
                if usize::from(be16(packet, 4)) + 40 != packet.len() {
                    return None;
                }
                (true, 40, packet[6])
            }
            _ => return None,
        };
        let transport = match protocol {
            TCP => usize::from(packet.get(ip + 12)? >> 4) * 4,
            UDP => {
                if usize::from(be16(packet, ip + 4)) != packet.len() - ip {
                    return None;
                }
                8
            }
            _ => return None,
        };
        let headers = ip + transport;
        let is_short = protocol == TCP && transport < 20;
        (!is_short && headers <= packet.len()).then_some(Self { v6, protocol, ip, headers })
    }

    /// Offset of the transport checksum in the transport header.
    pub(crate) const fn checksum_offset(self) -> usize {
        if self.protocol == TCP { 16 } else { 6 }
    }

    /// True if the packet has a transport checksum and it is right.
    pub(crate) fn is_checksum_right(self, packet: &[u8]) -> bool {
        let is_absent = self.protocol == UDP && be16(packet, self.ip + 6) == 0;
        let transport = packet.get(self.ip..).unwrap_or_default();
        !is_absent && add(pseudo(packet, self.v6, self.protocol, transport.len()), sum(transport)) == 0xffff
    }
}

/// The sum of the pseudo-header: addresses, protocol and length of the transport part.
pub(crate) fn pseudo(packet: &[u8], v6: bool, protocol: u8, length: usize) -> u16 {
    let addresses = addresses(packet, v6);
    let length = u16::try_from(length).unwrap_or(u16::MAX);
    add(add(sum(addresses), u16::from(protocol)), length)
}

/// Source and destination address.
pub(crate) fn addresses(packet: &[u8], v6: bool) -> &[u8] {
    let range = if v6 { 8..40 } else { 12..20 };
    packet.get(range).unwrap_or_default()
}
