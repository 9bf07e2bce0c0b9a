//! The peers of one interface, and the processing of each packet. There is no I/O: data to send or write is returned in
//! an [`Output`]. Only gotatun's handshakes and sessions read the clock and use random numbers.

mod entry;
mod timers;
mod traffic;

#[cfg(test)]
mod tests;

use super::routes::{Routes, Slot};
use super::{Own, Peer, Status};
use entry::Entry;
use gotatun::noise::Tunn;
use gotatun::packet::{Packet, WgKind};
use gotatun::tun::MtuWatcher;
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tornado_shared::model::{PresharedKey, PublicKey, Transfer};

/// Result of processing packets.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Messages with their destinations.
    pub(crate) datagrams: Vec<(Packet, SocketAddr)>,
    /// Inner packets for the TUN device.
    pub(crate) packets: Vec<Packet>,
}

/// The peers of one interface.
pub(crate) struct Table {
    own: Arc<Own>,
    mtu: MtuWatcher,
    entries: Vec<Option<Entry>>,
    free: Vec<Slot>,
    by_key: HashMap<PublicKey, Slot>,
    routes: Routes,
    /// Peers by the index of one of their handshakes or sessions. Each index is also listed in the peer's entry.
    by_index: HashMap<u32, Slot>,
    /// Number of completed timer rounds.
    round: usize,
}

/// A removed peer. It is large, so drop it outside of any lock.
pub(crate) struct Removed {
    /// Its last counters.
    pub(crate) transfer: Transfer,
    _entry: Entry,
}

/// Parameters for the Noise state of a sleeping peer, independent of the table.
#[derive(PartialEq, Eq)]
pub(crate) struct Sleeper {
    key: PublicKey,
    psk: Option<PresharedKey>,
    keepalive: Option<u16>,
}

impl Sleeper {
    /// Creates the Noise state. Costs two key agreements.
    pub(crate) fn wake(&self, own: &Own) -> Box<Tunn> {
        own.wake(&self.key, self.psk.as_ref(), self.keepalive)
    }
}

impl Table {
    /// `mtu` is that of inner packets, in bytes.
    pub(crate) fn new(own: Arc<Own>, mtu: u16) -> Self {
        Self {
            own,
            mtu: MtuWatcher::new(mtu),
            entries: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
            routes: Routes::default(),
            by_index: HashMap::new(),
            round: 0,
        }
    }

    /// Adds a peer or changes it. For an existing peer, only addresses and preshared key change; sessions stay.
    pub(crate) fn put(&mut self, peer: &Peer) {
        let slot = match self.by_key.get(&peer.public_key) {
            Some(slot) => *slot,
            None => self.add(peer),
        };
        let nets: Vec<IpNet> = peer.addresses.iter().map(IpNet::trunc).collect();
        let Some(entry) = self.entry(slot) else { return };
        entry.set_psk(peer.preshared_key.as_ref());
        if entry.nets == nets {
            return;
        }
        for net in std::mem::take(&mut entry.nets) {
            self.routes.remove(net, slot);
        }
        for net in nets {
            // As in WireGuard, an address belongs to one peer: the last that it was assigned to.
            let former = self.routes.insert(net, slot);
            if let Some(former) = former.and_then(|former| self.entry(former)) {
                former.nets.retain(|known| *known != net);
            }
            if let Some(entry) = self.entry(slot) {
                entry.nets.push(net);
            }
        }
    }

    fn add(&mut self, peer: &Peer) -> Slot {
        let mut entry = Entry::new(peer);
        if peer.keepalive.is_some() {
            // It has something to send before any packet arrives.
            entry.wake(&self.own);
        }
        let slot = self.free.pop().unwrap_or(self.entries.len());
        match self.entries.get_mut(slot) {
            Some(place) => *place = Some(entry),
            None => self.entries.push(Some(entry)),
        }
        self.by_key.insert(peer.public_key, slot);
        slot
    }

    fn entry(&mut self, slot: Slot) -> Option<&mut Entry> {
        self.entries.get_mut(slot)?.as_mut()
    }

    fn entry_of(&mut self, key: &PublicKey) -> Option<(Slot, &mut Entry)> {
        let slot = *self.by_key.get(key)?;
        Some((slot, self.entry(slot)?))
    }

    /// Removes a peer with its routes and indices.
    pub(crate) fn remove(&mut self, key: &PublicKey) -> Option<Removed> {
        let slot = self.by_key.remove(key)?;
        let entry = self.entries.get_mut(slot)?.take()?;
        self.free.push(slot);
        for net in &entry.nets {
            self.routes.remove(*net, slot);
        }
        for index in &entry.indices {
            forget(&mut self.by_index, *index, slot);
        }
        Some(Removed { transfer: entry.status().transfer, _entry: entry })
    }

    /// The peers in `count` slots starting at `from`, and the start of the next call.
    pub(crate) fn statuses(&self, from: Slot, count: usize) -> (Vec<Status>, Option<Slot>) {
        let end = from.saturating_add(count).min(self.entries.len());
        let places = self.entries.get(from..end).unwrap_or_default();
        let found = places.iter().flatten().map(Entry::status).collect();
        (found, (end < self.entries.len()).then_some(end))
    }

    /// The parameters to wake a peer that sleeps and has an endpoint.
    pub(crate) fn sleeper(&mut self, key: &PublicKey) -> Option<Sleeper> {
        let (_, entry) = self.entry_of(key)?;
        entry.endpoint?;
        entry.sleeper()
    }

    /// Starts a handshake, unless there is an active session, a handshake is in progress, or the endpoint is unknown. A
    /// sleeping peer wakes, with `noise` if it matches.
    pub(crate) fn start_handshake(
        &mut self,
        key: &PublicKey,
        noise: Option<(Sleeper, Box<Tunn>)>,
        output: &mut Output,
    ) {
        let own = Arc::clone(&self.own);
        let Some((slot, entry)) = self.entry_of(key) else { return };
        let Some(endpoint) = entry.endpoint else { return };
        if let Some((sleeper, noise)) = noise {
            entry.install(&sleeper, noise);
        }
        let tunnel = entry.wake(&own);
        if !tunnel.has_active_session()
            && let Some(initiation) = tunnel.format_handshake_initiation(false)
        {
            self.send(slot, initiation.into(), endpoint, output);
        }
    }

    /// Registers the index that our handshake message announces, and queues the message.
    fn send(&mut self, slot: Slot, message: WgKind, to: SocketAddr, output: &mut Output) {
        if let Some(entry) = self.entries.get_mut(slot).and_then(Option::as_mut) {
            register(&mut self.by_index, slot, &mut entry.indices, &message);
            output.datagrams.push((message.into(), to));
        }
    }
}

/// Registers the index in a handshake message of ours.
fn register(by_index: &mut HashMap<u32, Slot>, slot: Slot, indices: &mut Vec<u32>, message: &WgKind) {
    let index = match message {
        WgKind::HandshakeInit(message) => message.sender_idx.get(),
        WgKind::HandshakeResp(message) => message.sender_idx.get(),
        WgKind::CookieReply(_) | WgKind::Data(_) => return,
    };
    by_index.insert(index, slot);
    indices.push(index);
}

/// Indices are reused: remove an entry only if it still refers to this peer.
fn forget(by_index: &mut HashMap<u32, Slot>, index: u32, slot: Slot) {
    if by_index.get(&index) == Some(&slot) {
        by_index.remove(&index);
    }
}
