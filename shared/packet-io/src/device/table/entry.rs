//! One peer in the table.

use super::Sleeper;
use crate::device::{Own, Peer, Status};
use gotatun::noise::Tunn;
use ipnet::IpNet;
use std::net::SocketAddr;
use tornado_shared::model::{PresharedKey, PublicKey, Transfer};

/// A peer. It sleeps, without Noise state, until the first packet: most peers of a server never send one, and the state
/// takes 20 KB and two key agreements. Once awake it stays awake, because the state records which initiations were
/// seen, so that none is accepted twice.
pub(super) struct Entry {
    pub(super) key: PublicKey,
    pub(super) keepalive: Option<u16>,
    pub(super) endpoint: Option<SocketAddr>,
    /// Allowed IPs; each belongs to this peer in the routes.
    pub(super) nets: Vec<IpNet>,
    /// Indices of its handshakes and sessions; some may have expired.
    pub(super) indices: Vec<u32>,
    /// Handshakes and sessions; `None` while it sleeps.
    pub(super) noise: Option<Box<Tunn>>,
    /// Preshared key while it sleeps; afterwards `noise` contains it.
    psk: Option<PresharedKey>,
}

impl Entry {
    /// Creates an entry without addresses.
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

    /// Its Noise state, which is created if it sleeps.
    pub(super) fn wake(&mut self, own: &Own) -> &mut Tunn {
        let psk = self.psk.take();
        self.noise.get_or_insert_with(|| own.wake(&self.key, psk.as_ref(), self.keepalive))
    }

    /// The parameters of its Noise state, while it sleeps.
    pub(super) fn sleeper(&self) -> Option<Sleeper> {
        let sleeper = || Sleeper { key: self.key, psk: self.psk.clone(), keepalive: self.keepalive };
        self.noise.is_none().then(sleeper)
    }

    /// Installs Noise state that was created elsewhere, if its parameters are still valid.
    pub(super) fn install(&mut self, made_from: &Sleeper, noise: Box<Tunn>) {
        if self.sleeper().as_ref() == Some(made_from) {
            (self.noise, self.psk) = (Some(noise), None);
        }
    }

    /// Sets the preshared key for later handshakes.
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

/// Overwrites the preshared key, because gotatun does not.
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
