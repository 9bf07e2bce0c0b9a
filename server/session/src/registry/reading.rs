//! Readings of the interface counters, by peer.

use std::collections::HashMap;
use std::net::SocketAddr;
use tornado_contracts::wg::PeerStatus;
use tornado_shared::model::{Lane, PublicKey, Transfer, UnixSeconds};

/// Readings of one peer on both lanes.
#[derive(Default, Clone, Copy)]
pub(crate) struct Reading {
    pub direct: Option<Transfer>,
    pub tor: Option<Transfer>,
    pub direct_endpoint: Option<SocketAddr>,
    pub tor_endpoint: Option<SocketAddr>,
    pub handshake: Option<UnixSeconds>,
}

impl Reading {
    pub fn by_key(peers: &[PeerStatus]) -> HashMap<PublicKey, Self> {
        let mut readings: HashMap<PublicKey, Self> = HashMap::with_capacity(peers.len() / 2);
        for peer in peers {
            let reading = readings.entry(peer.public_key).or_default();
            match peer.lane {
                Lane::Direct => (reading.direct, reading.direct_endpoint) = (Some(peer.transfer), peer.endpoint),
                Lane::Tor => (reading.tor, reading.tor_endpoint) = (Some(peer.transfer), peer.endpoint),
            }
            reading.handshake = reading.handshake.max(peer.latest_handshake);
        }
        readings
    }

    /// True if both lanes have the peer.
    pub const fn is_on_both_lanes(&self) -> bool {
        self.direct.is_some() && self.tor.is_some()
    }
}
