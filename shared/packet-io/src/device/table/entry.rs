//! One peer in the table.

use super::Sleeper;
use crate::device::{Own, Peer, Status};
use gotatun::noise::Tunn;
use ipnet::IpNet;
use std::net::SocketAddr;
use tornado_shared::model::{PresharedKey, PublicKey, Transfer};

/// A peer. It sleeps until the first packet: most peers of a server never have one, and sessions take 20 KB and two key
/// agreements. Awake it stays: it knows which initiations it has seen, so that none is taken twice.
pub(super) struct Entry {
    pub(super) key: PublicKey,
    pub(super) keepalive: Option<u16>,
    pub(super) endpoint: Option<SocketAddr>,
    /// Its allowed IPs; each is its own in the routes.
    pub(super) nets: Vec<IpNet>,
    /// Its numbers in the table, some of which may be over.
    pub(super) indices: Vec<u32>,
    /// Handshake and sessions; none while it sleeps.
    pub(super) noise: Option<Box<Tunn>>,
    /// While it sleeps; then `noise` has it.
    psk: Option<PresharedKey>,
}

impl Entry {
    /// Without addresses.
    pub(super) fn new(peer: &Peer) -> Self {
        Self {
            key: peer.public_key,
            keepalive: peer.keepalive,
            endpoint: peer.endpoint,
            nets: Vec::new(),
            indices: Vec::new(),
            noise: None,
            psk: peer.preshared_key.clone(),
        }
    }

    /// Its noise, which is made when it has none.
    pub(super) fn wake(&mut self, own: &Own) -> &mut Tunn {
        let psk = self.psk.take();
        self.noise.get_or_insert_with(|| own.wake(&self.key, psk.as_ref(), self.keepalive))
    }

    /// What its noise is to be made from, while it sleeps.
    pub(super) fn sleeper(&self) -> Option<Sleeper> {
        let sleeper = || Sleeper { key: self.key, psk: self.psk.clone(), keepalive: self.keepalive };
        self.noise.is_none().then(sleeper)
    }

    /// Takes noise that was made elsewhere, if it is still what would be made here.
    pub(super) fn install(&mut self, made_from: &Sleeper, noise: Box<Tunn>) {
        if self.sleeper().as_ref() == Some(made_from) {
            (self.noise, self.psk) = (Some(noise), None);
        }
    }

    /// For handshakes from now on.
    pub(super) fn set_psk(&mut self, psk: Option<&PresharedKey>) {
        match &mut self.noise {
            Some(noise) => {
                wipe(noise);
                noise.set_preshared_key(psk.map(|psk| *psk.expose()));
            }
            None => self.psk = psk.cloned(),
        }
    }

    pub(super) fn status(&self) -> Status {
        let (handshake_age, transfer) = match &self.noise {
            Some(noise) => {
                let (age, sent, received, ..) = noise.stats();
                (age, Transfer { rx_bytes: received as u64, tx_bytes: sent as u64 })
            }
            None => (None, Transfer::default()),
        };
        Status { public_key: self.key, endpoint: self.endpoint, handshake_age, transfer }
    }
}

/// Overwrites the preshared key, which gotatun does not.
fn wipe(noise: &mut Tunn) {
    noise.set_preshared_key(Some([0; 32]));
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(noise) = &mut self.noise {
            wipe(noise);
        }
    }
}
