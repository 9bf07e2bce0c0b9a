//! Packets between two tables, including packets that must not pass.

use super::*;
use crate::device::{Guard, Verdict};

const DEVICE: [u8; 4] = [10, 8, 0, 2];
const SERVER: [u8; 4] = [10, 8, 0, 1];

#[test]
fn two_tables_shake_hands_and_packets_pass_both_ways() {
    let (mut device, mut server) = acquainted();
    // These packets wait for the handshake. Some lengths need padding, others do not.
    let first: Vec<_> = [3, 12, 400, 1400].map(|length| v4(DEVICE, SERVER, length)).into();
    let begun = device.send(&first);
    assert_eq!(begun.len(), 1, "an initiation");
    assert_eq!(exchange(&mut device, &mut server, begun), [vec![], first]);
    let back: Vec<_> = (1..300).map(|length| v4(SERVER, DEVICE, length)).collect();
    let sealed = server.send(&back);
    assert_eq!(sealed.len(), back.len());
    assert!(sealed.iter().all(|datagram| datagram.len() % 16 == 0 && datagram[0] == 4));
    assert_eq!(exchange(&mut server, &mut device, sealed), [vec![], back]);
    let (seen, counted) = (device.status(&server.public()), server.status(&device.public()));
    assert!(seen.handshake_age.is_some() && counted.handshake_age.is_some());
    assert!(seen.transfer.rx_bytes > 50_000 && counted.transfer.tx_bytes > seen.transfer.rx_bytes);
    assert!(seen.transfer.tx_bytes > 1_815 && counted.transfer.rx_bytes > 1_815);
}

#[test]
fn nothing_is_sent_without_a_peer_or_an_endpoint() {
    let (mut device, mut server) = acquainted();
    assert!(server.send(&[v4(SERVER, [10, 8, 0, 3], 4)]).is_empty(), "an address without a peer");
    assert!(server.send(&[v4(SERVER, DEVICE, 4)]).is_empty(), "its endpoint is unknown");
    assert!(server.send(&[vec![0; 40]]).is_empty(), "not an IP packet");
    // A dropped packet is not sent later.
    let begun = device.send(&[v4(DEVICE, SERVER, 4)]);
    assert_eq!(exchange(&mut device, &mut server, begun)[0], Vec::<Vec<u8>>::new());
}

#[test]
fn a_peer_speaks_for_its_own_addresses_only() {
    let (mut device, mut server) = connected();
    let other = End::new(3);
    server.table.put(&other.peer(&["10.8.0.3/32"], None));
    for (source, passes) in [(DEVICE, true), ([10, 8, 0, 3], false), ([10, 8, 0, 4], false), (SERVER, false)] {
        let sealed = device.send(&[v4(source, SERVER, 4)]);
        let (_, packets) = server.receive(sealed, device.at);
        assert_eq!(packets.len(), usize::from(passes), "{source:?}");
    }
    // A truncated packet has no source address.
    let mut cut = v4(DEVICE, SERVER, 100);
    cut.truncate(60);
    let sealed = device.send(&[cut]);
    assert!(server.receive(sealed, device.at).1.is_empty());
}

#[test]
fn an_address_that_moves_to_another_peer_takes_its_packets_along() {
    let (mut device, mut server) = connected();
    let mut heir = End::new(3);
    heir.table.put(&server.peer(&["0.0.0.0/0"], Some(server.at)));
    server.table.put(&heir.peer(&["10.8.0.2/32"], None));
    let sealed = device.send(&[v4(DEVICE, SERVER, 4)]);
    assert!(server.receive(sealed, device.at).1.is_empty(), "the address no longer belongs to it");
    let begun = heir.send(&[v4(DEVICE, SERVER, 5)]);
    assert_eq!(exchange(&mut heir, &mut server, begun)[1].len(), 1);
    let sealed = server.send(&[v4(SERVER, DEVICE, 6)]);
    assert_eq!(exchange(&mut server, &mut heir, sealed)[1].len(), 1);
    // Removing the previous peer does not take the address from the new one.
    assert!(server.table.remove(&device.public()).is_some());
    assert_eq!(server.send(&[v4(SERVER, DEVICE, 6)]).len(), 1);
}

#[test]
fn what_was_seen_or_changed_does_not_pass() {
    let (mut device, mut server) = connected();
    let sealed = device.send(&[v4(DEVICE, SERVER, 64)]);
    for place in 0..sealed[0].len() {
        let mut forged = copies(&sealed);
        forged[0].buf_mut()[place] ^= 1;
        assert_eq!(server.receive(forged, at(9)).1, Vec::<Vec<u8>>::new(), "byte {place}");
    }
    for length in 0..sealed[0].len() {
        let part = vec![Packet::copy_from(&sealed[0][..length])];
        assert_eq!(server.receive(part, at(9)).1, Vec::<Vec<u8>>::new());
    }
    assert_eq!(server.status(&device.public()).endpoint, Some(device.at));
    assert_eq!(server.receive(copies(&sealed), device.at).1.len(), 1);
    assert_eq!(server.receive(copies(&sealed), at(9)).1.len(), 0, "a replay");
    assert_eq!(server.status(&device.public()).endpoint, Some(device.at));
}

#[test]
fn an_initiation_is_taken_once() {
    let (mut device, mut server) = acquainted();
    let begun = device.send(&[v4(DEVICE, SERVER, 4)]);
    assert_eq!(server.receive(copies(&begun), at(1)).0.len(), 1);
    assert_eq!(server.receive(copies(&begun), at(9)).0.len(), 0);
    assert_eq!(server.status(&device.public()).endpoint, Some(at(1)));
    // The initiation of a host that is not a peer is not accepted at all.
    let mut stranger = End::new(4);
    stranger.table.put(&server.peer(&["0.0.0.0/0"], Some(server.at)));
    let begun = stranger.send(&[v4(DEVICE, SERVER, 4)]);
    assert_eq!(server.receive(begun, at(9)).0.len(), 0);
}

#[test]
fn a_peer_is_where_its_last_true_packet_came_from() {
    let (mut device, mut server) = connected();
    let sealed = device.send(&[v4(DEVICE, SERVER, 4)]);
    server.receive(sealed, at(7));
    assert_eq!(server.status(&device.public()).endpoint, Some(at(7)));
    let mut output = Output::default();
    server.table.outgoing(
        &v4(SERVER, DEVICE, 4),
        [Packet::copy_from(&v4(SERVER, DEVICE, 4)[..])].into_iter(),
        &mut output,
    );
    assert_eq!(output.datagrams[0].1, at(7));
    // The same with an empty packet, which is sent as a keepalive.
    let (mut device, mut server) = acquainted();
    device.table.start_handshake(&server.public(), None, &mut output);
    let begun = output.datagrams.split_off(1).into_iter().map(|(datagram, _)| datagram).collect();
    let (answer, _) = server.receive(begun, at(5));
    assert_eq!(server.status(&device.public()).endpoint, Some(at(5)));
    let (confirmation, _) = device.receive(answer, server.at);
    assert_eq!(server.receive(confirmation, at(6)).1.len(), 0);
    assert_eq!(server.status(&device.public()).endpoint, Some(at(6)));
}

#[test]
fn under_load_a_handshake_needs_a_cookie_and_cookies_move_nobody() {
    let (mut device, mut server) = acquainted();
    let (guard, mut left) = (Guard::new(&server.own), 3);
    let mut begun = device.send(&[v4(DEVICE, SERVER, 4)]);
    loop {
        left -= 1;
        match guard.judge(begun.remove(0), device.at, true) {
            Verdict::Ask(cookie) => {
                // From another address, because anyone could replay it.
                assert!(device.receive(vec![cookie], at(9)).0.is_empty());
                assert_eq!(device.status(&server.public()).endpoint, Some(server.at));
            }
            Verdict::Take(message) => {
                let sender = server.own.sender(&message).unwrap();
                let mut output = Output::default();
                server.table.incoming(sender, message, device.at, &mut output);
                assert_eq!((output.datagrams.len(), left), (1, 1), "at the second attempt");
                return;
            }
            Verdict::Drop => panic!("a valid message was dropped"),
        }
        // What the timers do without a response.
        let slot = device.table.by_key[&server.public()];
        let noise = device.table.entry(slot).unwrap().noise.as_mut().unwrap();
        begun.push(noise.format_handshake_initiation(true).unwrap().into());
    }
}

#[test]
fn many_handshakes_of_one_address_need_cookies_and_strangers_get_no_answer() {
    let (mut device, server) = acquainted();
    let guard = Guard::new(&server.own);
    let begun = device.send(&[v4(DEVICE, SERVER, 4)]).remove(0);
    let judged = |from| guard.judge(Packet::copy_from(&begun[..]), from, false);
    let taken = (0..150).filter(|_| matches!(judged(at(1)), Verdict::Take(_))).count();
    assert_eq!(taken, 100);
    assert!(matches!(judged(at(2)), Verdict::Take(_)), "another address");
    let mut forged = Packet::copy_from(&begun[..]);
    forged.buf_mut()[20] ^= 1;
    assert!(matches!(guard.judge(forged, at(3), false), Verdict::Drop));
    for length in [0, 1, 32, 148] {
        assert!(matches!(guard.judge(Packet::copy_from(&vec![1; length][..]), at(4), true), Verdict::Drop));
    }
}
