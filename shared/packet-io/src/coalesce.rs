//! Joining packets of one flow under one header: what the kernel does with what it receives from a network card.
//! Nothing is copied but headers; the payloads go to the kernel from where they are.

use crate::checksum::sum;
use crate::header::{ACK, Layout, PSH, TCP, UDP, addresses, be16, be32, pseudo, put};
use crate::vnet::{self, Header, Kind};

/// Largest packet, header and all: the length field has 16 bits.
const LONGEST: usize = 65_535;
/// Most datagrams in one piece: what every kernel takes (UDP_MAX_SEGMENTS was 64 before Linux 6.9).
const DATAGRAMS: usize = 64;
/// Most segments in one piece: with both headers' slices it stays far below IOV_MAX.
const SEGMENTS: usize = 512;
/// Flows that are looked through for each packet.
const OPEN: usize = 16;
/// Longest headers: IPv6 and TCP with all its options.
const HEADERS: usize = vnet::LEN + 40 + 60;

/// One write to the TUN device: a header, then what of the packets follows it.
#[derive(Debug)]
pub(crate) struct Piece {
    head: [u8; HEADERS],
    head_len: usize,
    /// Bytes of each member that stand in `head` for all of them.
    skip: usize,
    /// Numbers of the packets, in order.
    members: Vec<usize>,
    layout: Option<Layout>,
    /// Payload bytes of the first member.
    segment: usize,
    length: usize,
    next_sequence: u32,
    next_id: u16,
    /// Another may follow.
    is_open: bool,
    /// The first member's checksum is known to be right.
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

    /// The vnet header and, in a joined piece, the packet's headers.
    pub(crate) fn head(&self) -> &[u8] {
        self.head.get(..self.head_len).unwrap_or_default()
    }

    /// The packets in it, by number.
    pub(crate) fn members(&self) -> &[usize] {
        &self.members
    }

    /// How much of each packet is not repeated behind [`Self::head`].
    pub(crate) const fn skip(&self) -> usize {
        self.skip
    }

    /// Writes the common header of a joined piece, from that of its first packet.
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

    /// True when `packet` can be the next of this piece.
    fn takes(&mut self, first: &[u8], packet: &[u8], layout: Layout) -> bool {
        let payload = packet.len() - layout.headers;
        let most = if layout.protocol == TCP { SEGMENTS } else { DATAGRAMS };
        let fits = self.is_open
            && payload <= self.segment
            && self.length + payload <= LONGEST
            && self.members.len() < most
            && is_same_flow(first, packet, layout)
            // An identification is only free to be chosen where nobody will fragment (RFC 6864 §4).
            && (layout.v6 || be16(packet, 6) & 0x4000 != 0 || be16(packet, 4) == self.next_id)
            && (layout.protocol == UDP || be32(packet, layout.ip + 4) == self.next_sequence);
        // The kernel will make the checksums anew, which would hide that one was wrong.
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

/// Everything that one header must say for both: all but lengths, identification, sequence, push flag, checksums.
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

/// The layout of a packet that may be joined with others.
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

/// Joins what can be joined. Packets between the same two addresses stay in order.
pub(crate) fn join<'p>(count: usize, packet: impl Fn(usize) -> &'p [u8], join_udp: bool) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::with_capacity(count.min(64));
    // Pieces that may still grow, by number; the newest last.
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
        // It stands alone, or begins a piece: none of its predecessors may take what comes after it.
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

/// True for the same addresses and ports.
fn is_between(a: &[u8], b: &[u8], layout: Layout) -> bool {
    addresses(a, layout.v6) == addresses(b, layout.v6) && be32(a, layout.ip) == be32(b, layout.ip)
}

/// A piece as it goes to the kernel.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn flatten<'p>(piece: &Piece, packet: impl Fn(usize) -> &'p [u8]) -> Vec<u8> {
    let mut bytes = piece.head().to_vec();
    for member in piece.members() {
        bytes.extend_from_slice(&packet(*member)[piece.skip()..]);
    }
    bytes
}
