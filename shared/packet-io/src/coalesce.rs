//! Coalesces packets of one flow under one header, as the kernel does with packets from a network card. Only headers
//! are copied; the kernel reads the payloads in place.

use crate::checksum::sum;
use crate::header::{ACK, Layout, PSH, TCP, UDP, addresses, be16, be32, pseudo, put};
use crate::vnet::{self, Header, Kind};

/// Maximum length of a packet including its headers: the length field has 16 bits.
const LONGEST: usize = 65_535;
/// Maximum number of datagrams in one piece that every kernel accepts (UDP_MAX_SEGMENTS was 64 before Linux 6.9).
const DATAGRAMS: usize = 64;
/// Maximum number of segments in one piece. With the slices for both headers, it stays far below IOV_MAX.
const SEGMENTS: usize = 512;
/// Number of open flows that are searched for each packet.
const OPEN: usize = 16;
/// Maximum length of the headers: IPv6 and TCP with all options.
const HEADERS: usize = vnet::LEN + 40 + 60;

/// One write to the TUN device: a header, followed by the rest of the packets.
#[derive(Debug)]
pub(crate) struct Piece {
    head: [u8; HEADERS],
    head_len: usize,
    /// Number of bytes of each packet that `head` represents for all of them.
    skip: usize,
    /// Indices of the packets, in order.
    members: Vec<usize>,
    layout: Option<Layout>,
    /// Payload bytes of the first packet.
    segment: usize,
    length: usize,
    next_sequence: u32,
    next_id: u16,
    /// Another packet may be added.
    is_open: bool,
    /// The checksum of the first packet was verified.
    is_checked: bool,
}

impl Piece {
    fn single(number: usize) -> Self {
        let mut piece = Self {
            head: [0; HEADERS],
            head_len: vnet::LEN,
            skip: 0,
            members: Vec::new(),
            layout: None,
            segment: 0,
            length: 0,
            next_sequence: 0,
            next_id: 0,
            is_open: false,
            is_checked: false,
        };
        piece.members.push(number);
        piece
    }

    /// The vnet header and, in a coalesced piece, the headers of the packets.
    pub(crate) fn head(&self) -> &[u8] {
        self.head.get(..self.head_len).unwrap_or_default()
    }

    /// Indices of the packets in this piece.
    pub(crate) fn members(&self) -> &[usize] {
        &self.members
    }

    /// Number of bytes of each packet that are not repeated after [`Self::head`].
    pub(crate) const fn skip(&self) -> usize {
        self.skip
    }

    /// Builds the common header of a coalesced piece from that of its first packet.
    fn close(&mut self, first: &[u8], last: &[u8]) {
        let Some(layout) = self.layout.filter(|_| self.members.len() > 1) else { return };
        let Layout { v6, protocol, ip, headers } = layout;
        let size = |bytes: usize| u16::try_from(bytes).unwrap_or(u16::MAX);
        let header = Header {
            kind: if protocol == TCP { Kind::Tcp { v6 } } else { Kind::Udp },
            needs_checksum: true,
            header_len: size(headers),
            segment: size(self.segment),
            csum_start: size(ip),
            csum_offset: size(layout.checksum_offset()),
        };
        put(&mut self.head, 0, &header.write());
        put(&mut self.head, vnet::LEN, first.get(..headers).unwrap_or_default());
        (self.head_len, self.skip) = (vnet::LEN + headers, headers);
        let packet = self.head.get_mut(vnet::LEN..).unwrap_or_default();
        if v6 {
            put(packet, 4, &size(self.length - 40).to_be_bytes());
        } else {
            put(packet, 2, &size(self.length).to_be_bytes());
            put(packet, 10, &[0, 0]);
            let checksum = !sum(packet.get(..ip).unwrap_or_default());
            put(packet, 10, &checksum.to_be_bytes());
        }
        if protocol == TCP {
            let push = last.get(ip + 13).copied().unwrap_or_default() & PSH;
            if let Some(flags) = packet.get_mut(ip + 13) {
                *flags |= push;
            }
        } else {
            put(packet, ip + 4, &size(self.length - ip).to_be_bytes());
        }
        let partial = pseudo(first, v6, protocol, self.length - ip);
        put(packet, ip + layout.checksum_offset(), &partial.to_be_bytes());
    }

    /// Returns whether `packet` can be the next of this piece.
    fn takes(&mut self, first: &[u8], packet: &[u8], layout: Layout) -> bool {
        let payload = packet.len() - layout.headers;
        let most = if layout.protocol == TCP { SEGMENTS } else { DATAGRAMS };
        let fits = self.is_open
            && payload <= self.segment
            && self.length + payload <= LONGEST
            && self.members.len() < most
            && is_same_flow(first, packet, layout)
            // The identification may be chosen freely only if the packet must not be fragmented (RFC 6864 §4).
            && (layout.v6 || be16(packet, 6) & 0x4000 != 0 || be16(packet, 4) == self.next_id)
            && (layout.protocol == UDP || be32(packet, layout.ip + 4) == self.next_sequence);
        // The kernel recomputes the checksums, which would hide a wrong one.
        fits && layout.is_checksum_right(packet) && {
            self.is_checked = self.is_checked || layout.is_checksum_right(first);
            self.is_checked
        }
    }

    fn add(&mut self, number: usize, packet: &[u8], layout: Layout) {
        let payload = packet.len() - layout.headers;
        self.members.push(number);
        self.length += payload;
        self.next_sequence = self.next_sequence.wrapping_add(u32::try_from(payload).unwrap_or_default());
        self.next_id = self.next_id.wrapping_add(1);
        self.is_open = payload == self.segment && !is_pushed(packet, layout);
    }
}

fn is_pushed(packet: &[u8], layout: Layout) -> bool {
    layout.protocol == TCP && packet.get(layout.ip + 13).is_some_and(|flags| flags & PSH != 0)
}

/// Compares everything that one header represents for both: all except lengths, identification, sequence number, push
/// flag and checksums.
fn is_same_flow(a: &[u8], b: &[u8], layout: Layout) -> bool {
    let same = |from: usize, to: usize| a.get(from..to) == b.get(from..to);
    let Layout { v6, protocol, ip, headers } = layout;
    let is_ip = if v6 { same(0, 4) && same(6, 40) } else { same(0, 2) && same(6, 10) && same(12, 20) };
    let is_transport = if protocol == TCP {
        same(ip, ip + 4)
            && same(ip + 8, ip + 13)
            && same(ip + 14, ip + 16)
            && same(ip + 18, headers)
            && a.get(ip + 13).map(|flags| flags & !PSH) == b.get(ip + 13).map(|flags| flags & !PSH)
    } else {
        same(ip, ip + 4)
    };
    is_ip && is_transport
}

/// The layout of a packet that may be coalesced with others.
fn candidate(packet: &[u8], join_udp: bool) -> Option<Layout> {
    let layout = Layout::of(packet)?;
    if packet.len() == layout.headers {
        return None;
    }
    match layout.protocol {
        TCP => (*packet.get(layout.ip + 13)? & !PSH == ACK).then_some(layout),
        _ => (join_udp && be16(packet, layout.ip + 6) != 0).then_some(layout),
    }
}

/// Coalesces packets where possible. Packets between the same two addresses keep their order.
pub(crate) fn join<'p>(count: usize, packet: impl Fn(usize) -> &'p [u8], join_udp: bool) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::with_capacity(count.min(64));
    // Indices of pieces that may still grow, the newest last.
    let mut open: Vec<usize> = Vec::with_capacity(OPEN);
    for number in 0..count {
        let bytes = packet(number);
        let layout = candidate(bytes, join_udp);
        if let Some(layout) = layout {
            let known = open.iter().rev().copied().find(|at| {
                pieces.get(*at).is_some_and(|piece| {
                    piece.layout == Some(layout) && is_between(packet(piece.members[0]), bytes, layout)
                })
            });
            if let Some(at) = known
                && let Some(piece) = pieces.get_mut(at)
                && piece.takes(packet(piece.members[0]), bytes, layout)
            {
                piece.add(number, bytes, layout);
                if !piece.is_open {
                    open.retain(|other| *other != at);
                }
                continue;
            }
        }
        // The packet stands alone or begins a new piece. Older pieces with the same addresses may not accept later
        // packets.
        let v6 = bytes.first().is_some_and(|byte| byte >> 4 == 6);
        open.retain(|at| {
            pieces.get(*at).is_some_and(|piece| {
                let first = packet(piece.members[0]);
                piece.layout.is_none_or(|known| known.v6 != v6 || addresses(first, v6) != addresses(bytes, v6))
                    || layout.is_some_and(|new| piece.layout == Some(new) && !is_between(first, bytes, new))
            })
        });
        let mut piece = Piece::single(number);
        if let Some(layout) = layout {
            let payload = bytes.len() - layout.headers;
            piece.layout = Some(layout);
            (piece.segment, piece.length) = (payload, bytes.len());
            let length = u32::try_from(payload).unwrap_or_default();
            piece.next_sequence = be32(bytes, layout.ip + 4).wrapping_add(length);
            piece.next_id = be16(bytes, 4).wrapping_add(1);
            piece.is_open = !is_pushed(bytes, layout);
            if piece.is_open {
                if open.len() == OPEN {
                    open.remove(0);
                }
                open.push(pieces.len());
            }
        }
        pieces.push(piece);
    }
    for piece in &mut pieces {
        if let [first, .., last] = piece.members[..] {
            piece.close(packet(first), packet(last));
        }
    }
    pieces
}

/// True if addresses and ports are equal.
fn is_between(a: &[u8], b: &[u8], layout: Layout) -> bool {
    addresses(a, layout.v6) == addresses(b, layout.v6) && be32(a, layout.ip) == be32(b, layout.ip)
}

/// The bytes of a piece as they are written to the kernel.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn flatten<'p>(piece: &Piece, packet: impl Fn(usize) -> &'p [u8]) -> Vec<u8> {
    let mut bytes = piece.head().to_vec();
    for member in piece.members() {
        bytes.extend_from_slice(&packet(*member)[piece.skip()..]);
    }
    bytes
}
