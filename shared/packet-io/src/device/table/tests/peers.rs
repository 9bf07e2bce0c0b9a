//! Adding, changing and removing peers.

use super::*;
use crate::device::table::Sleeper;
use crate::device::table::timers::SWEEP;
use proptest::prelude::*;
use std::collections::BTreeMap;

const DEVICE: [u8; 4] = [10, 8, 0, 2];
const SERVER: [u8; 4] = [10, 8, 0, 1];

/// Invariants of every table.
fn check(table: &Table) {
    let all: Vec<_> =
        table.entries.iter().enumerate().filter_map(|(slot, entry)| Some((slot, entry.as_ref()?))).collect();
    assert_eq!(table.by_key.len(), all.len());
    assert_eq!(table.free.len() + all.len(), table.entries.len());
    assert_eq!(table.routes.len(), all.iter().map(|(_, entry)| entry.nets.len()).sum::<usize>());
    for (slot, entry) in &all {
        assert_eq!(table.by_key.get(&entry.key), Some(slot));
    }
    for (index, slot) in &table.by_index {
        assert!(table.entries[*slot].as_ref().unwrap().indices.contains(index), "an index without a peer");
    }
}

#[test]
fn removal_leaves_nothing_behind_and_ends_traffic() {
    let (mut device, mut server) = connected();
    let sealed = device.send(&[v4(DEVICE, SERVER, 4), v4(DEVICE, SERVER, 5)]);
    assert_eq!(server.receive(copies(&sealed[..1]), device.at).1.len(), 1);
    let before = server.status(&device.public()).transfer;
    let removed = server.table.remove(&device.public()).unwrap();
    assert_eq!(removed.transfer, before);
    assert!(before.rx_bytes > 0 && before.tx_bytes > 0);
    check(&server.table);
    assert!(server.table.by_index.is_empty() && server.table.by_key.is_empty());
    assert!(server.table.remove(&device.public()).is_none());
    let (answers, packets) = server.receive(copies(&sealed[1..]), device.at);
    assert!(answers.is_empty() && packets.is_empty());
    assert!(server.send(&[v4(SERVER, DEVICE, 4)]).is_empty());
    // A peer that gets the freed slot receives none of the packets for the removed peer.
    let mut other = End::new(3);
    other.table.put(&server.peer(&["0.0.0.0/0"], Some(server.at)));
    server.table.put(&other.peer(&["10.8.0.2/32"], None));
    assert!(server.receive(copies(&sealed[1..]), device.at).1.is_empty());
    let begun = other.send(&[v4(DEVICE, SERVER, 4)]);
    assert_eq!(exchange(&mut other, &mut server, begun)[1].len(), 1);
    assert_eq!(server.table.entries.len(), 1);
    drop(removed);
    check(&server.table);
}

#[test]
fn a_peer_that_is_put_again_keeps_endpoint_and_session() {
    let (mut device, mut server) = connected();
    let mut changed = device.peer(&["10.8.0.9/32"], Some(at(9)));
    changed.preshared_key = Some(PresharedKey::from_bytes([8; 32]));
    server.table.put(&changed);
    check(&server.table);
    let status = server.status(&device.public());
    assert_eq!(status.endpoint, Some(device.at));
    let sealed = device.send(&[v4([10, 8, 0, 9], SERVER, 4)]);
    assert_eq!(server.receive(sealed, device.at).1.len(), 1, "the session stays");
    let sealed = device.send(&[v4(DEVICE, SERVER, 4)]);
    assert_eq!(server.receive(sealed, device.at).1.len(), 0, "the previous address no longer belongs to it");
    // The next handshake needs the new key.
    let mut late = End::new(1);
    (late.key, late.own) = (device.key.clone(), Arc::new(Own::new(&device.key)));
    late.table = Table::new(Arc::clone(&late.own), 1420);
    late.table.put(&server.peer(&["0.0.0.0/0"], Some(server.at)));
    let begun = late.send(&[v4([10, 8, 0, 9], SERVER, 4)]);
    assert!(exchange(&mut late, &mut server, begun)[1].is_empty());
    let mut renewed = server.peer(&["0.0.0.0/0"], Some(server.at));
    renewed.preshared_key = changed.preshared_key;
    late.table = Table::new(Arc::clone(&late.own), 1420);
    late.table.put(&renewed);
    let begun = late.send(&[v4([10, 8, 0, 9], SERVER, 4)]);
    assert_eq!(exchange(&mut late, &mut server, begun)[1].len(), 1);
}

#[test]
fn a_peer_sleeps_until_there_is_something_for_it() {
    let (mut device, mut server) = acquainted();
    let is_awake = |end: &Table, key: &PublicKey| end.entries[end.by_key[key]].as_ref().unwrap().noise.is_some();
    let (key, mut output) = (device.public(), Output::default());
    server.table.tick(0, 10, &mut output);
    server.table.start_handshake(&key, None, &mut output);
    assert!(server.table.sleeper(&key).is_none(), "its endpoint is unknown");
    assert!(!is_awake(&server.table, &key) && output.datagrams.is_empty());
    let begun = device.send(&[v4(DEVICE, SERVER, 4)]);
    exchange(&mut device, &mut server, begun);
    assert!(is_awake(&server.table, &key));
    // A peer with a persistent keepalive starts a handshake at once.
    let mut eager = End::new(3);
    let peer = Peer { keepalive: Some(25), ..server.peer(&["0.0.0.0/0"], Some(server.at)) };
    eager.table.put(&peer);
    assert_eq!(eager.table.tick(0, 10, &mut output), None);
    assert_eq!(output.datagrams.len(), 1, "an initiation");
}

#[test]
fn one_handshake_starts_also_with_noise_made_elsewhere() {
    for is_made_elsewhere in [false, true] {
        let (mut device, mut server) = acquainted();
        let (key, mut output) = (server.public(), Output::default());
        let noise = is_made_elsewhere.then(|| {
            let sleeper = device.table.sleeper(&key).unwrap();
            let noise = sleeper.wake(&device.own);
            (sleeper, noise)
        });
        device.table.start_handshake(&key, noise, &mut output);
        device.table.start_handshake(&key, None, &mut output);
        assert_eq!(output.datagrams.len(), 1, "the handshake is in progress");
        let begun = output.datagrams.drain(..).map(|(datagram, _)| datagram).collect();
        exchange(&mut device, &mut server, begun);
        assert!(device.status(&key).handshake_age.is_some());
        device.table.start_handshake(&key, None, &mut output);
        assert!(output.datagrams.is_empty(), "there is a session");
    }
    // Noise state is not used if its peer was changed in the meantime.
    let (mut device, server) = acquainted();
    let stale = Sleeper { key: server.public(), psk: None, keepalive: None };
    let noise = stale.wake(&device.own);
    device.table.start_handshake(&server.public(), Some((stale, noise)), &mut Output::default());
    let slot = device.table.by_key[&server.public()];
    let noise = device.table.entry(slot).unwrap().noise.as_ref().unwrap();
    assert_eq!(noise.preshared_key(), Some([7; 32]));
}

#[test]
fn numbers_that_are_over_are_swept_and_those_of_others_stay() {
    let (mut device, mut server) = connected();
    let (slot, mut output) = (server.table.by_key[&device.public()], Output::default());
    let other = End::new(3);
    server.table.put(&other.peer(&["10.8.0.3/32"], None));
    let others = server.table.by_key[&other.public()];
    // One index has expired; one has expired and was reassigned; one is in use.
    let in_use = server.table.entry(slot).unwrap().indices.clone();
    server.table.entry(slot).unwrap().indices.extend([1, 2]);
    server.table.by_index.extend([(1, slot), (2, others)]);
    server.table.entry(others).unwrap().indices.push(2);
    for _ in 0..SWEEP {
        let mut next = Some(0);
        while let Some(from) = next {
            next = server.table.tick(from, 1, &mut output);
        }
    }
    assert_eq!(server.table.entry(slot).unwrap().indices, in_use);
    assert!(!server.table.by_index.contains_key(&1));
    assert_eq!(server.table.by_index.get(&2), Some(&others));
    let sealed = device.send(&[v4(DEVICE, SERVER, 4)]);
    assert_eq!(server.receive(sealed, device.at).1.len(), 1);
    check(&server.table);
}

#[test]
fn of_many_peers_each_has_its_turn_in_each_round() {
    let (mut server, mut output) = (End::new(2), Output::default());
    for number in 0..1_100_u16 {
        let [high, low] = number.to_be_bytes();
        let mut key = [9; 32];
        (key[0], key[1]) = (high, low);
        server.table.put(&Peer {
            public_key: PublicKey::from_bytes(key).unwrap(),
            preshared_key: None,
            addresses: vec![net(&format!("10.8.{high}.{low}/32"))],
            endpoint: Some(at(9)),
            // These peers have something to send from the start.
            keepalive: (number < 8).then_some(25),
        });
    }
    let mut next = Some(0);
    while let Some(from) = next {
        next = server.table.tick(from, 256, &mut output);
    }
    assert_eq!(output.datagrams.len(), 8);
    assert_eq!(server.table.statuses(0, 2_000).0.len(), 1_100);
}

#[test]
fn peers_are_told_slice_by_slice_and_places_are_used_again() {
    let mut server = End::new(2);
    let keys: Vec<_> = (0..10_u8)
        .map(|host| {
            let end = End::new(host);
            server.table.put(&end.peer(&[&format!("10.8.0.{host}/32")], None));
            end.public()
        })
        .collect();
    for key in &keys[3..6] {
        server.table.remove(key).unwrap();
    }
    let (mut found, mut next) = (Vec::new(), Some(0));
    while let Some(from) = next {
        let some = server.table.statuses(from, 4);
        found.extend(some.0.into_iter().map(|status| status.public_key));
        next = some.1;
    }
    assert_eq!(found, [&keys[..3], &keys[6..]].concat());
    for host in 20..23 {
        server.table.put(&End::new(host).peer(&[], None));
    }
    assert_eq!(server.table.entries.len(), 10);
    check(&server.table);
}

proptest! {
    /// After any sequence of changes, an address belongs to the last peer that it was assigned to and that still has
    /// it.
    #[test]
    fn addresses_are_where_they_were_put_last(
        steps in prop::collection::vec((0_usize..5, prop::collection::vec(0_u8..8, 0..4), any::<bool>()), 0..40)
    ) {
        let mut server = End::new(2);
        let keys: Vec<_> = (0..5_u8).map(|number| {
            let mut bytes = [9; 32];
            bytes[0] = number;
            PublicKey::from_bytes(bytes).unwrap()
        }).collect();
        // Maps hosts to peers; 7 is a prefix.
        let mut model = BTreeMap::<u8, usize>::new();
        let named = |host: u8| if host == 7 { net("10.8.0.0/24") } else { net(&format!("10.8.0.{host}/32")) };
        for (number, hosts, is_put) in steps {
            model.retain(|_, owner| *owner != number);
            if is_put {
                model.extend(hosts.iter().map(|host| (*host, number)));
                server.table.put(&Peer {
                    public_key: keys[number],
                    preshared_key: None,
                    addresses: hosts.iter().map(|host| named(*host)).collect(),
                    endpoint: None,
                    keepalive: None,
                });
            } else {
                drop(server.table.remove(&keys[number]));
            }
            check(&server.table);
            for host in 0..7 {
                let found = server.table.routes.find([10, 8, 0, host].into());
                let found = found.map(|slot| server.table.entries[slot].as_ref().unwrap().key);
                let expected = model.get(&host).or(model.get(&7)).map(|number| keys[*number]);
                prop_assert_eq!(found, expected);
            }
        }
    }
}
