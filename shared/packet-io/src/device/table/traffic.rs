//! Processing of packets.

use super::{Output, Table, register};
use crate::device::Sender;
use crate::device::inner::{destination, length_and_source};
use gotatun::noise::TunnResult;
use gotatun::packet::{Packet, WgKind};
use std::net::SocketAddr;

impl Table {
    /// Processes packets from the kernel that have the same destination. `first` is the beginning of one of them. They
    /// are encrypted, or queued for a handshake that is then started. Without a peer or an endpoint they are dropped.
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

    /// Processes a message whose sender [`sender`](super::super::own::Own::sender) identified.
    pub(crate) fn incoming(&mut self, sender: Sender, message: WgKind, from: SocketAddr, output: &mut Output) {
        let slot = match sender {
            Sender::Key(key) => self.by_key.get(&key),
            Sender::Index(index) => self.by_index.get(&index),
        };
        let Some(slot) = slot.copied() else { return };
        let Some(entry) = self.entries.get_mut(slot).and_then(Option::as_mut) else { return };
        let noise = entry.wake(&self.own);
        if noise.is_expired() {
            // Advance its stopped timers, because otherwise the session would be dated to the past. The error only says
            // that the peer had expired.
            drop(noise.update_timers());
        }
        let result = noise.handle_incoming_packet(message);
        let Some(noise) = &mut entry.noise else { return };
        let (answer, packet) = match result {
            // This includes cookie replies: they are encrypted, but with a key that anyone can compute.
            TunnResult::Done | TunnResult::Err(_) => return,
            TunnResult::WriteToNetwork(answer) => (Some(answer), None),
            TunnResult::WriteToTunnel(packet) => (None, Some(packet)),
        };
        // Both cases were authenticated, so the peer's endpoint is this source address.
        entry.endpoint = Some(from);
        // Packets that waited for a session have one now.
        for message in answer.into_iter().chain(noise.get_queued_packets(&mut self.mtu)) {
            register(&mut self.by_index, slot, &mut entry.indices, &message);
            output.datagrams.push((message.into(), from));
        }
        // An empty packet is a keepalive.
        let Some(mut packet) = packet.filter(|packet| !packet.is_empty()) else { return };
        let Some((length, source)) = length_and_source(&packet) else { return };
        // Cryptokey routing (WireGuard §2): a peer may send only from its own addresses.
        if self.routes.find(source) == Some(slot) {
            packet.truncate(length);
            output.packets.push(packet);
        } else {
            tracing::trace!("dropped a packet: the source is not an allowed IP of its peer");
        }
    }
}
