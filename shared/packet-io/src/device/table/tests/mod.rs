//! Tests with tables that exchange packets in memory.

mod peers;
mod traffic;

use super::{Output, Table};
use crate::device::{Kind, Own, Peer, Status};
use gotatun::packet::Packet;
use ipnet::IpNet;
use std::net::SocketAddr;
use std::sync::Arc;
use tornado_shared::model::{PresharedKey, PrivateKey, PublicKey};

/// An interface without transports.
struct End {
    own: Arc<Own>,
    key: PrivateKey,
    table: Table,
    /// Source address of its datagrams.
    at: SocketAddr,
}

fn at(host: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], 51820))
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

impl End {
    fn new(host: u8) -> Self {
        let key = PrivateKey::random();
        let own = Arc::new(Own::new(&key));
        Self { table: Table::new(Arc::clone(&own), 1420), own, key, at: at(host) }
    }

    fn public(&self) -> PublicKey {
        self.key.public_key()
    }

    /// This end as a peer of others.
    fn peer(&self, addresses: &[&str], endpoint: Option<SocketAddr>) -> Peer {
        Peer {
            public_key: self.public(),
            preshared_key: Some(PresharedKey::from_bytes([7; 32])),
            addresses: addresses.iter().map(|text| net(text)).collect(),
            endpoint,
            keepalive: None,
        }
    }

    fn status(&self, key: &PublicKey) -> Status {
        let (all, next) = self.table.statuses(0, usize::MAX);
        assert_eq!(next, None);
        all.into_iter().find(|status| status.public_key == *key).unwrap()
    }

    /// Sends packets as if they came from the kernel.
    fn send(&mut self, packets: &[Vec<u8>]) -> Vec<Packet> {
        let mut output = Output::default();
        let list = packets.iter().map(|packet| Packet::copy_from(packet.as_slice()));
        self.table.outgoing(&packets[0], list, &mut output);
        assert!(output.packets.is_empty());
        output.datagrams.into_iter().map(|(datagram, _)| datagram).collect()
    }

    /// Receives datagrams from an address. Returns responses and inner packets.
    fn receive(&mut self, datagrams: Vec<Packet>, from: SocketAddr) -> (Vec<Packet>, Vec<Vec<u8>>) {
        let mut output = Output::default();
        for datagram in datagrams {
            if Kind::of(&datagram).is_none() {
                continue;
            }
            let message = datagram.try_into_wg().unwrap();
            if let Some(sender) = self.own.sender(&message) {
                self.table.incoming(sender, message, from, &mut output);
            }
        }
        assert!(output.datagrams.iter().all(|(_, to)| *to == from));
        let packets = output.packets.iter().map(|packet| packet.to_vec()).collect();
        (output.datagrams.into_iter().map(|(datagram, _)| datagram).collect(), packets)
    }
}

fn copies(datagrams: &[Packet]) -> Vec<Packet> {
    datagrams.iter().map(|datagram| Packet::copy_from(&datagram[..])).collect()
}

/// Exchanges datagrams that begin with these of `a`, until none are left. Returns the inner packets at `a` and at `b`.
fn exchange(a: &mut End, b: &mut End, datagrams: Vec<Packet>) -> [Vec<Vec<u8>>; 2] {
    let (mut to_b, mut got) = (datagrams, [Vec::new(), Vec::new()]);
    while !to_b.is_empty() {
        let (to_a, at_b) = b.receive(to_b, a.at);
        let (next, at_a) = a.receive(to_a, b.at);
        got[0].extend(at_a);
        got[1].extend(at_b);
        to_b = next;
    }
    got
}

/// A device and a server that are peers. Only the device knows the other's endpoint.
fn acquainted() -> (End, End) {
    let (mut device, mut server) = (End::new(1), End::new(2));
    device.table.put(&server.peer(&["0.0.0.0/0", "::/0"], Some(at(2))));
    server.table.put(&device.peer(&["10.8.0.2/32", "fd00::2/128"], None));
    (device, server)
}

/// A device and a server with a session.
fn connected() -> (End, End) {
    let (mut device, mut server) = acquainted();
    let begun = device.send(&[v4([10, 8, 0, 2], [10, 8, 0, 1], 4)]);
    exchange(&mut device, &mut server, begun);
    assert!(server.status(&device.public()).handshake_age.is_some());
    (device, server)
}

/// An IPv4 packet with `payload` bytes, whose content differs for each length.
fn v4(source: [u8; 4], destination: [u8; 4], payload: u16) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0];
    packet.extend(source);
    packet.extend(destination);
    packet.extend((0..payload).map(|at| (at * 31 + payload) as u8));
    let length = (packet.len() as u16).to_be_bytes();
    packet[2..4].copy_from_slice(&length);
    packet
}
