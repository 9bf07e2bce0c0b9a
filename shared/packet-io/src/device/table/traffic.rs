//! Packets through the table.

use super::{Output, Table, register};
use crate::device::Sender;
use crate::device::inner::{destination, length_and_source};
use gotatun::noise::TunnResult;
use gotatun::packet::{Packet, WgKind};
use std::net::SocketAddr;

impl Table {
    /// Packets of the kernel that all go where `first` goes, which is the beginning of one. They are sealed, or wait
    /// for a handshake that is begun; without a peer to go to, or one that is nowhere, they are lost.
    pub(crate) fn outgoing(&mut self, first: &[u8], packets: impl Iterator<Item = Packet>, output: &mut Output) {
        let Some(slot) = destination(first).and_then(|address| self.routes.find(address)) else { return };
        let Some(entry) = self.entries.get_mut(slot).and_then(Option::as_mut) else { return };
        let Some(endpoint) = entry.endpoint else { return };
        entry.wake(&self.own);
        let Some(noise) = &mut entry.noise else { return };
        for packet in packets {
            if let Some(message) = noise.handle_outgoing_packet(packet, Some(&mut self.mtu)) {
                register(&mut self.by_index, slot, &mut entry.indices, &message);
                output.datagrams.push((message.into(), endpoint));
            }
        }
    }

    /// A message, of which [`Own::sender`] has said who sent it.
    pub(crate) fn incoming(&mut self, sender: Sender, message: WgKind, from: SocketAddr, output: &mut Output) {
        let slot = match sender {
            Sender::Key(key) => self.by_key.get(&key),
            Sender::Index(index) => self.by_index.get(&index),
        };
        let Some(slot) = slot.copied() else { return };
        let Some(entry) = self.entries.get_mut(slot).and_then(Option::as_mut) else { return };
        let noise = entry.wake(&self.own);
        if noise.is_expired() {
            // Its clock, which stood still: the session would be dated to the past. The error says that it was so.
            drop(noise.update_timers());
        }
        let result = noise.handle_incoming_packet(message);
        let Some(noise) = &mut entry.noise else { return };
        let (answer, packet) = match result {
            // Cookies among them: they are sealed, but by a key that everybody can know.
            TunnResult::Done | TunnResult::Err(_) => return,
            TunnResult::WriteToNetwork(answer) => (Some(answer), None),
            TunnResult::WriteToTunnel(packet) => (None, Some(packet)),
        };
        // Both were authenticated: the peer is where this came from.
        entry.endpoint = Some(from);
        // What waited for a session has one now.
        for message in answer.into_iter().chain(noise.get_queued_packets(&mut self.mtu)) {
            register(&mut self.by_index, slot, &mut entry.indices, &message);
            output.datagrams.push((message.into(), from));
        }
        // An empty packet only says that the peer is there.
        let Some(mut packet) = packet.filter(|packet| !packet.is_empty()) else { return };
        let Some((length, source)) = length_and_source(&packet) else { return };
        // Cryptokey routing (WireGuard §2): a peer speaks for its own addresses only.
        if self.routes.find(source) == Some(slot) {
            packet.truncate(length);
            output.packets.push(packet);
        } else {
            tracing::trace!("a peer sent a packet with a source that is not its own");
        }
    }
}
