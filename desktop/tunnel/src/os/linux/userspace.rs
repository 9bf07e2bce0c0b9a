//! WireGuard in this process, on a TUN device.

use crate::os::OsError;
use crate::plan::{KEEPALIVE, Link, Observation};
use crate::policy::MARK;
use ipnet::{Ipv4Net, Ipv6Net};
use tornado_packet_io::{Link as PacketLink, Offload, Peer, Settings, TunNode, Tunnel};

/// A running WireGuard device. Dropping it stops it.
pub(super) struct UserLink {
    tunnel: Tunnel,
}

/// Creates the TUN device. No packets are processed before [`start`].
pub(super) async fn open(name: &str, mtu: u16, offload: Offload, node: &TunNode) -> Result<PacketLink, OsError> {
    PacketLink::open(name, mtu, offload, node).await.map_err(|e| OsError::new("create the TUN device", e))
}

/// Starts WireGuard on the TUN device and sends the first handshake message.
pub(super) async fn start(tun: PacketLink, link: &Link) -> Result<UserLink, OsError> {
    let lane = &link.lane;
    let peer = Peer {
        public_key: lane.peer,
        preshared_key: lane.preshared_key.clone(),
        addresses: vec![Ipv4Net::default().into(), Ipv6Net::default().into()],
        endpoint: Some(lane.endpoint),
        keepalive: Some(KEEPALIVE),
    };
    let settings = Settings { key: link.private_key.clone(), port: 0, mark: Some(MARK), peers: vec![peer] };
    let tunnel = tun.start(settings).await.map_err(|e| OsError::new("start WireGuard", e))?;
    // The caller observes the link for the response.
    tunnel.kick(&[lane.peer]).await;
    Ok(UserLink { tunnel })
}

impl UserLink {
    pub(super) async fn observe(&self) -> Result<Observation, OsError> {
        let peers = self.tunnel.peers().await;
        let peer = peers.first().ok_or_else(|| OsError::new("observe the interface", "its peer does not exist"))?;
        Ok(Observation { handshake_age: peer.handshake_age, transfer: peer.transfer, no_network: false })
    }

    pub(super) async fn stop(self) {
        self.tunnel.stop().await;
    }
}
