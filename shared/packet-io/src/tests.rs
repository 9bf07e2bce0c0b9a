//! Property: splitting reverses coalescing.

use crate::coalesce::{flatten, join};
use crate::header::{Layout, TCP, UDP, put};
use crate::split::Cuts;
use crate::vnet::{self, Header};
use proptest::prelude::*;

/// Parameters of a packet. They have few values, so that packets form flows.
#[derive(Debug, Clone)]
struct Wish {
    v6: bool,
    protocol: u8,
    flow: u8,
    payload: usize,
    flags: u8,
    options: bool,
    df: bool,
    /// Fault to inject: 0 to 3; other values inject none.
    fault: u8,
}

fn wish() -> impl Strategy<Value = Wish> {
    let payload = prop_oneof![4 => Just(1000_usize), 1 => Just(0), 1 => 1_usize..1400];
    let flags = prop_oneof![8 => Just(0x10_u8), 2 => Just(0x18), 1 => any::<u8>()];
    let protocol = prop_oneof![4 => Just(TCP), 3 => Just(UDP), 1 => Just(1_u8)];
    let few = prop_oneof![9 => Just(false), 1 => Just(true)];
    (any::<bool>(), protocol, 0_u8..2, payload, flags, few, any::<bool>(), any::<u8>()).prop_map(
        |(v6, protocol, flow, payload, flags, options, df, fault)| Wish {
            v6,
            protocol,
            flow,
            payload,
            flags,
            options,
            df,
            fault,
        },
    )
}

/// Builds the packets of a few flows, with consecutive sequence numbers.
fn build(wishes: &[Wish]) -> Vec<Vec<u8>> {
    let mut sequences = [0xffff_f000_u32; 4];
    let mut ids = [0xfffe_u16; 4];
    let one = |(number, wish): (usize, &Wish)| {
        let ip = if wish.v6 { 40 } else { 20 };
        let transport = match wish.protocol {
            TCP if wish.options => 32,
            TCP => 20,
            _ => 8,
        };
        let mut packet = vec![0; ip + transport + wish.payload];
        for (at, byte) in packet.iter_mut().enumerate().skip(ip + transport) {
            *byte = (at * 7 + number) as u8;
        }
        let slot = usize::from(wish.flow) + if wish.v6 { 2 } else { 0 };
        if wish.v6 {
            put(&mut packet, 0, &[0x60, 0, 0, wish.flow]);
            put(&mut packet, 4, &((transport + wish.payload) as u16).to_be_bytes());
            put(&mut packet, 6, &[wish.protocol, 64]);
            put(&mut packet, 8, &[0xfd; 32]);
        } else {
            let length = packet.len() as u16;
            put(&mut packet, 0, &[0x45, 0]);
            put(&mut packet, 2, &length.to_be_bytes());
            put(&mut packet, 4, &ids[slot].to_be_bytes());
            put(&mut packet, 6, &[if wish.df { 0x40 } else { 0 }, 0, 64, wish.protocol]);
            put(&mut packet, 12, &[10, 0, 0, 1, 10, 0, 0, 2]);
            ids[slot] = ids[slot].wrapping_add(1);
        }
        put(&mut packet, ip, &[0x10, wish.flow, 0x20, 0x20]);
        if wish.protocol == TCP {
            put(&mut packet, ip + 4, &sequences[slot].to_be_bytes());
            put(&mut packet, ip + 12, &[((transport / 4) as u8) << 4, wish.flags, 1, 1]);
            sequences[slot] = sequences[slot].wrapping_add(wish.payload as u32);
        } else if wish.protocol == UDP {
            put(&mut packet, ip + 4, &((8 + wish.payload) as u16).to_be_bytes());
        }
        finish(&mut packet, wish, ip)
    };
    wishes.iter().enumerate().map(one).collect()
}

/// Sets the checksums, then injects the fault.
fn finish(packet: &mut Vec<u8>, wish: &Wish, ip: usize) -> Vec<u8> {
    use crate::checksum::{add, sum};
    use crate::header::pseudo;
    if !wish.v6 {
        let checksum = !sum(&packet[..ip]);
        put(packet, 10, &checksum.to_be_bytes());
    }
    if let Some(layout) = Layout::of(packet) {
        let value = !add(pseudo(packet, wish.v6, wish.protocol, packet.len() - ip), sum(&packet[ip..]));
        let value = if wish.protocol == UDP && value == 0 { 0xffff } else { value };
        put(packet, ip + layout.checksum_offset(), &value.to_be_bytes());
        match wish.fault {
            // A wrong checksum, no checksum, a fragment, a wrong length.
            0 => put(packet, ip + layout.checksum_offset(), &(value ^ 0x1111).to_be_bytes()),
            1 if wish.protocol == UDP => put(packet, ip + 6, &[0, 0]),
            2 if !wish.v6 => put(packet, 6, &[0x20, 0]),
            3 => packet.push(0),
            _ => {}
        }
    }
    std::mem::take(packet)
}

/// Passes packets through coalescing and then through what the kernel does with the pieces.
fn through(packets: &[Vec<u8>], join_udp: bool) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for piece in join(packets.len(), |number| &packets[number], join_udp) {
        let bytes = flatten(&piece, |number| &packets[number]);
        let (head, packet) = bytes.split_first_chunk::<{ vnet::LEN }>().unwrap();
        let cuts = Cuts::of(Header::read(head).unwrap(), packet).unwrap();
        assert_eq!(cuts.count(), piece.members().len(), "{piece:?}");
        for index in 0..cuts.count() {
            let mut one = vec![0xaa; cuts.len_of(index)];
            cuts.write(index, packet, &mut one);
            out.push(one);
        }
    }
    out
}

/// The addresses of a packet. Packets between the same addresses keep their order.
fn ends(packet: &[u8]) -> Vec<u8> {
    crate::header::addresses(packet, packet[0] >> 4 == 6).to_vec()
}

/// The packet without the IPv4 identification if it has no meaning, and without the checksum that covers it.
fn normal(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if packet[0] >> 4 == 4 && packet[6] & 0x40 != 0 {
        put(&mut packet, 4, &[0, 0]);
        put(&mut packet, 10, &[0, 0]);
    }
    packet
}

fn flow_of(packet: &[u8]) -> Vec<u8> {
    let ip = if packet[0] >> 4 == 6 { 40 } else { 20 };
    let mut key = ends(packet);
    key.extend_from_slice(&packet[ip..ip + 4]);
    key
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_comes_through_unchanged(
        wishes in prop::collection::vec(wish(), 1..60),
        join_udp in any::<bool>(),
    ) {
        let packets = build(&wishes);
        let after = through(&packets, join_udp);
        prop_assert_eq!(after.len(), packets.len());
        // Flows may overtake each other; the order within a flow stays.
        let mut flows: Vec<_> = packets.iter().map(|packet| flow_of(packet)).collect();
        flows.sort();
        flows.dedup();
        for flow in flows {
            let of = |all: &[Vec<u8>]| -> Vec<Vec<u8>> {
                all.iter().filter(|p| flow_of(p) == flow).map(|p| normal(p)).collect()
            };
            prop_assert_eq!(of(&after), of(&packets));
        }
    }

    #[test]
    fn no_bytes_from_the_kernel_make_it_panic(head in any::<[u8; vnet::LEN]>(), piece in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(header) = Header::read(&head) && let Some(cuts) = Cuts::of(header, &piece) {
            for index in 0..cuts.count() {
                let mut one = vec![0; cuts.len_of(index)];
                cuts.write(index, &piece, &mut one);
            }
        }
    }

    #[test]
    fn no_packet_from_a_peer_makes_it_panic(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..10)) {
        let pieces = join(packets.len(), |number| &packets[number], true);
        prop_assert_eq!(pieces.iter().map(|piece| piece.members().len()).sum::<usize>(), packets.len());
    }
}

fn plain(v6: bool, protocol: u8, payload: usize, count: usize) -> Vec<Vec<u8>> {
    let wish = Wish { v6, protocol, flow: 0, payload, flags: 0x10, options: true, df: true, fault: 9 };
    build(&vec![wish; count])
}

#[test]
fn a_bulk_transfer_becomes_few_pieces() {
    for (v6, protocol, count, pieces) in
        [(false, TCP, 40, 1), (true, TCP, 40, 1), (false, TCP, 100, 2), (true, UDP, 128, 2)]
    {
        let packets = plain(v6, protocol, if protocol == TCP { 1368 } else { 200 }, count);
        let joined = join(packets.len(), |number| &packets[number], true);
        assert!(joined.len() <= pieces + 1, "{v6} {protocol}: {} pieces", joined.len());
    }
}

#[test]
fn a_wrong_checksum_is_not_mended() {
    let mut packets = plain(false, TCP, 1000, 3);
    packets[1][500] ^= 1;
    assert_eq!(through(&packets, true)[1], packets[1]);
    packets[1][500] ^= 1;
    packets[0][500] ^= 1;
    assert_eq!(through(&packets, true)[0], packets[0]);
}
