//! WireGuard inside this process, over a TUN device.

use crate::os::OsError;
use crate::plan::{KEEPALIVE, Link, Observation};
use crate::policy::MARK;
use gotatun::device::Peer;
use gotatun::x25519::{PublicKey, StaticSecret};
use std::time::Duration;
use tornado_packet_io::{Link as PacketLink, Offload, Settings, Tunnel};
use tornado_shared::model::Transfer;

/// A running device. Dropping it stops it.
pub(super) struct UserLink {
    tunnel: Tunnel,
}

/// Makes the TUN device. It stays silent until [`start`].
pub(super) async fn open(name: &str, mtu: u16, offload: Offload) -> Result<PacketLink, OsError> {
    PacketLink::open(name, mtu, offload).await.map_err(|e| OsError::new("make the TUN device", e))
}

/// Starts WireGuard on it and sends the first handshake message.
pub(super) async fn start(tun: PacketLink, link: &Link) -> Result<UserLink, OsError> {
    let lane = &link.lane;
    let server = PublicKey::from(*lane.peer.as_bytes());
    let mut peer = Peer::new(server).with_endpoint(lane.endpoint);
    for everything in ["0.0.0.0/0", "::/0"] {
        let network = everything.parse().map_err(|e| OsError::new("set the allowed IPs", e))?;
        peer = peer.with_allowed_ip(network);
    }
    if let Some(key) = &lane.preshared_key {
        peer = peer.with_preshared_key(*key.expose());
    }
    peer.keepalive = Some(KEEPALIVE);
    let key = StaticSecret::from(*link.private_key.expose());
    let settings = Settings { key, port: 0, mark: Some(MARK), peers: vec![peer] };
    let tunnel = tun.start(settings).await.map_err(|e| OsError::new("start WireGuard", e))?;
    // This sends the first message at once and then waits; whoever called us watches for the answer.
    let sent = tokio::time::timeout(Duration::from_millis(20), tunnel.device().force_handshake(&server)).await;
    if let Ok(Err(e)) = sent {
        return Err(OsError::new("send the first handshake", e));
    }
    Ok(UserLink { tunnel })
}

impl UserLink {
    pub(super) async fn observe(&self) -> Result<Observation, OsError> {
        let peers = self.tunnel.device().peers().await;
        let peer = peers.first().ok_or_else(|| OsError::new("observe the tunnel", "its peer is gone"))?;
        let transfer = Transfer { rx_bytes: peer.stats.rx_bytes as u64, tx_bytes: peer.stats.tx_bytes as u64 };
        Ok(Observation { handshake_age: peer.stats.last_handshake, transfer })
    }

    pub(super) async fn stop(self) {
        self.tunnel.stop().await;
    }
}
