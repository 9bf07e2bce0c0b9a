//! Entry points of the fuzz targets: packets of the kernel and of peers.

pub use crate::device::fuzzing::datagrams;

use crate::checksum::{add, sum};
use crate::coalesce::{flatten, join};
use crate::header::{Layout, TCP, addresses, be16, pseudo, put};
use crate::split::Cuts;
use crate::vnet::{self, Header, Kind};

/// Splits one piece as the kernel passes it, header first. The resulting packets must contain all its bytes, each once,
/// with right lengths and checksums.
pub fn split(bytes: &[u8]) {
    let Some((head, piece)) = bytes.split_first_chunk::<{ vnet::LEN }>() else { return };
    let Some(header) = Header::read(head) else { return };
    assert_eq!(Header::read(&header.write()), Some(header));
    let Some(cuts) = Cuts::of(header, piece) else { return };
    assert!((1..=usize::from(u16::MAX)).contains(&cuts.count()));
    let packets: Vec<Vec<u8>> = (0..cuts.count())
        .map(|index| {
            let mut packet = vec![0xaa; cuts.len_of(index)];
            cuts.write(index, piece, &mut packet);
            packet
        })
        .collect();
    if header.kind == Kind::Single {
        assert!(packets.len() == 1 && packets[0].len() == piece.len());
        return;
    }
    // Whatever the header says, the payloads add up.
    let longest = packets.iter().map(Vec::len).max().unwrap_or_default();
    assert!(longest <= piece.len());
    let protocol = if header.kind == Kind::Udp { 17 } else { TCP };
    let (plain, told) = match piece[0] >> 4 {
        4 => (header.csum_start == 20 && piece[0] == 0x45 && be16(piece, 6) & 0x3fff == 0, piece[9]),
        _ => (header.csum_start == 40, piece[6]),
    };
    if !plain || told != protocol {
        return;
    }
    let mut payload = 0;
    for packet in packets.iter().filter(|packet| packet.len() <= usize::from(u16::MAX)) {
        let Some(layout) = Layout::of(packet) else { panic!("inconsistent packet: {packet:02x?}") };
        assert!(layout.is_checksum_right(packet), "wrong checksum: {packet:02x?}");
        payload += packet.len() - layout.headers;
    }
    assert!(payload <= piece.len());
}

/// Coalesces and splits a sequence of packets, each of which follows two bytes of length and a flag. If bit 15 of the
/// length is set, the packet's own length and checksums are corrected first, so that coalescing is reached. All packets
/// must pass through the kernel's split unchanged, and in order within a flow.
pub fn join_and_split(bytes: &[u8]) {
    let (mut packets, mut rest) = (Vec::new(), bytes);
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let word = u16::from_be_bytes(*length);
        let (packet, after) = after.split_at(usize::from(word & 0x7ff).min(after.len()));
        packets.push(if word & 0x8000 == 0 { packet.to_vec() } else { mended(packet) });
        rest = after;
    }
    for join_udp in [false, true] {
        let after = through(&packets, join_udp);
        assert_eq!(after.len(), packets.len());
        let (mut before, mut after) = (sorted(&packets), sorted(&after));
        // The sort is stable, by addresses and ports, so the order within a flow stays.
        before.sort_by(|a, b| a.0.cmp(&b.0));
        after.sort_by(|a, b| a.0.cmp(&b.0));
        assert!(before == after, "coalescing changed packets");
    }
}

/// Corrects lengths and checksums of a packet that has them.
fn mended(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    let length = u16::try_from(packet.len()).unwrap_or(u16::MAX);
    let (ip, v6, protocol) = match packet.first().map(|byte| byte >> 4) {
        Some(4) if length >= 28 => (20, false, packet[9]),
        Some(6) if length >= 48 => (40, true, packet[6]),
        Some(_) | None => return packet,
    };
    if v6 {
        put(&mut packet, 4, &(length - 40).to_be_bytes());
    } else {
        put(&mut packet, 2, &length.to_be_bytes());
        put(&mut packet, 10, &[0, 0]);
        let checksum = !sum(&packet[..20]);
        put(&mut packet, 10, &checksum.to_be_bytes());
    }
    if protocol != TCP {
        let transport = length - if v6 { 40 } else { 20 };
        put(&mut packet, ip + 4, &transport.to_be_bytes());
    }
    if let Some(layout) = Layout::of(&packet) {
        let at = ip + layout.checksum_offset();
        put(&mut packet, at, &[0, 0]);
        let value = !add(pseudo(&packet, v6, protocol, packet.len() - ip), sum(&packet[ip..]));
        // For UDP, zero would mean no checksum.
        let value = if value == 0 && protocol != TCP { 0xffff } else { value };
        put(&mut packet, at, &value.to_be_bytes());
    }
    packet
}

/// Coalesces packets, and splits the pieces as the kernel does.
fn through(packets: &[Vec<u8>], join_udp: bool) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for piece in join(packets.len(), |number| &packets[number], join_udp) {
        if let [single] = piece.members() {
            out.push(packets[*single].clone());
            continue;
        }
        let bytes = flatten(&piece, |number| &packets[number]);
        let cuts = bytes.split_first_chunk::<{ vnet::LEN }>().and_then(|(head, packet)| {
            let cuts = Cuts::of(Header::read(head)?, packet)?;
            Some((cuts, packet))
        });
        let Some((cuts, packet)) = cuts else { panic!("the kernel would reject this piece") };
        assert_eq!(cuts.count(), piece.members().len());
        for index in 0..cuts.count() {
            let mut one = vec![0; cuts.len_of(index)];
            cuts.write(index, packet, &mut one);
            out.push(one);
        }
    }
    out
}

/// Each packet with its flow, without an identification that has no meaning and the checksum that covers it.
fn sorted(packets: &[Vec<u8>]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let one = |packet: &Vec<u8>| {
        let v6 = packet.first().is_some_and(|byte| byte >> 4 == 6);
        let ip = if v6 { 40 } else { 20 };
        let mut flow = addresses(packet, v6).to_vec();
        flow.extend(packet.get(ip..ip + 4).unwrap_or_default());
        let mut packet = packet.clone();
        if !v6 && be16(&packet, 6) & 0x4000 != 0 {
            put(&mut packet, 4, &[0, 0]);
            put(&mut packet, 10, &[0, 0]);
        }
        (flow, packet)
    };
    packets.iter().map(one).collect()
}
