//! Entry point of the fuzz target for datagrams.

use super::table::{Output, Table};
use super::{Guard, Kind, Own, Peer, Verdict};
use crate::device::inner::length_and_source;
use gotatun::packet::{Packet, WgKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tornado_shared::model::PrivateKey;

/// An interface, and the datagrams that it sends.
struct End {
    own: Arc<Own>,
    guard: Guard,
    table: Table,
    peer: Peer,
    address: IpAddr,
    sent: Vec<Packet>,
}

impl End {
    fn new(number: u8) -> Self {
        let key = PrivateKey::from_bytes([number; 32]);
        let own = Arc::new(Own::new(&key));
        let address = IpAddr::from([10, 0, 0, number]);
        let endpoint = Some(SocketAddr::from(([192, 0, 2, number], 7)));
        let peer = Peer {
            public_key: key.public_key(),
            preshared_key: None,
            addresses: vec![address.into()],
            endpoint,
            keepalive: None,
        };
        let (guard, table) = (Guard::new(&own), Table::new(Arc::clone(&own), 1420));
        Self { own, guard, table, peer, address, sent: Vec::new() }
    }

    /// Receives a datagram. Whatever it contains, inner packets must be complete and have `other`'s address as source.
    fn receive(&mut self, datagram: Packet, other: IpAddr, is_loaded: bool) {
        let (from, mut output) = (SocketAddr::from(([192, 0, 2, 99], 9)), Output::default());
        let message = match Kind::of(&datagram) {
            Some(Kind::Data) => datagram.try_into_wg().ok(),
            Some(Kind::Handshake) => match self.guard.judge(datagram, from, is_loaded) {
                Verdict::Take(message) => Some(message),
                Verdict::Ask(cookie) => {
                    self.sent.push(cookie);
                    None
                }
                Verdict::Drop => None,
            },
            None => None,
        };
        let sender = message.as_ref().and_then(|message: &WgKind| self.own.sender(message));
        if let (Some(message), Some(sender)) = (message, sender) {
            self.table.incoming(sender, message, from, &mut output);
        }
        for packet in &output.packets {
            assert_eq!(length_and_source(packet), Some((packet.len(), other)));
        }
        self.keep(output);
    }

    fn send(&mut self, bytes: &[u8]) {
        let mut output = Output::default();
        self.table.outgoing(bytes, std::iter::once(Packet::copy_from(bytes)), &mut output);
        assert!(output.packets.is_empty() && output.datagrams.len() <= 1);
        self.keep(output);
    }

    fn keep(&mut self, output: Output) {
        self.sent.extend(output.datagrams.into_iter().map(|(datagram, _)| datagram));
    }
}

/// Runs two interfaces that are peers of each other through a sequence of steps. Each step has four bytes for action,
/// side, position and length, followed by data. Datagrams arrive unchanged, changed, late, repeated or made up.
pub fn datagrams(bytes: &[u8]) {
    let mut ends = [End::new(1), End::new(2)];
    let peers = [ends[0].peer.clone(), ends[1].peer.clone()];
    ends[0].table.put(&peers[1]);
    ends[1].table.put(&peers[0]);
    let (mut rest, mut steps) = (bytes, 0);
    while let Some(([what, side, place, length], after)) = rest.split_first_chunk::<4>()
        && steps < 64
    {
        let (own, after) = after.split_at(usize::from(*length).min(after.len()));
        (rest, steps) = (after, steps + 1);
        let [near, far] = &mut ends;
        let (near, far) = if side & 1 == 0 { (near, far) } else { (far, near) };
        match what % 8 {
            // One of the last messages of the other side, with some bytes changed, mostly none.
            0..=3 => {
                let number = far.sent.len().checked_sub(1 + usize::from(what / 8) % 4);
                let Some(mut message) = number.and_then(|at| far.sent.get(at)).map(|sent| Packet::copy_from(&sent[..]))
                else {
                    continue;
                };
                for (at, change) in own.iter().enumerate() {
                    if let Some(byte) = message.get_mut(usize::from(*place) + at) {
                        *byte ^= change;
                    }
                }
                near.receive(message, far.address, side & 2 != 0);
            }
            4 => near.receive(Packet::copy_from(own), far.address, side & 2 != 0),
            // An IP packet with matching addresses, followed by bytes of the input.
            5 => {
                let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 0, 10, 0, 0, 0];
                packet.extend(own);
                packet[3] = u8::try_from(packet.len()).unwrap_or(*place);
                (packet[15], packet[19]) = if side & 1 == 0 { (1, 2) } else { (2, 1) };
                packet[15] ^= if side & 4 == 0 { 0 } else { *place };
                near.send(&packet);
            }
            6 if side & 4 == 0 => drop(near.table.remove(&far.peer.public_key)),
            6 => near.table.put(&far.peer),
            _ => {
                let mut output = Output::default();
                near.table.start_handshake(&far.peer.public_key, None, &mut output);
                let next = near.table.tick(0, 16, &mut output);
                assert_eq!(next, None);
                near.keep(output);
            }
        }
    }
}
