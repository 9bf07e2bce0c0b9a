//! WireGuard in this process, over a TUN device.

use super::interface::{BackendError, Interface, InterfacePeer, LanePeer};
use crate::host::netlink::{Link, Netlink};
use async_trait::async_trait;
use std::net::IpAddr;
use tornado_packet_io::{Link as PacketLink, Offload, PacketIoError, Peer, Settings, TunNode, Tunnel};
use tornado_runtime::clock::{unix_seconds, wall_clock};
use tornado_shared::model::{PrivateKey, PublicKey, Transfer};

pub(crate) struct UserspaceInterface {
    name: String,
    index: u32,
    netlink: Netlink,
    tunnel: Tunnel,
}

impl UserspaceInterface {
    /// Opens the TUN device and the socket. The link stays down and without addresses.
    pub(crate) async fn create(
        netlink: &Netlink,
        name: &str,
        port: u16,
        mtu: u16,
        key: &PrivateKey,
        offload: Offload,
        node: &TunNode,
    ) -> Result<Self, BackendError> {
        let failed = |error| not_opened(name, error);
        let link = PacketLink::open(name, mtu, offload, node).await.map_err(failed)?;
        let index = match netlink.link(name).await? {
            Some(link) => link.index,
            None => return Err(BackendError::Gone(name.to_owned())),
        };
        netlink.mark(index).await?;
        let settings = Settings { key: key.clone(), port, mark: None, peers: Vec::new() };
        let tunnel = link.start(settings).await.map_err(failed)?;
        Ok(Self { name: name.to_owned(), index, netlink: netlink.clone(), tunnel })
    }

    fn gone(&self) -> BackendError {
        BackendError::Gone(self.name.clone())
    }
}

fn not_opened(interface: &str, error: PacketIoError) -> BackendError {
    match error {
        PacketIoError::Open { what, source } => BackendError::Open { what, interface: interface.to_owned(), source },
    }
}

fn new_peer(peer: &LanePeer) -> Peer {
    Peer {
        public_key: peer.public_key,
        preshared_key: peer.preshared_key.clone(),
        addresses: vec![IpAddr::V4(peer.addresses.v4).into(), IpAddr::V6(peer.addresses.v6).into()],
        endpoint: peer.endpoint,
        keepalive: None,
    }
}

#[async_trait]
impl Interface for UserspaceInterface {
    async fn alive(&self) -> Result<(), BackendError> {
        if self.tunnel.has_failed() {
            return Err(self.gone());
        }
        match self.netlink.link(&self.name).await? {
            Some(Link { index, up: true, .. }) if index == self.index => Ok(()),
            Some(_) | None => Err(self.gone()),
        }
    }

    async fn put_peers(&self, peers: &[LanePeer]) -> Result<(), BackendError> {
        self.alive().await?;
        let peers: Vec<Peer> = peers.iter().map(new_peer).collect();
        self.tunnel.put(&peers).await;
        self.alive().await
    }

    async fn remove_peers(&self, keys: &[PublicKey]) -> Result<Vec<Transfer>, BackendError> {
        if self.tunnel.is_stopped() && !keys.is_empty() {
            return Err(self.gone());
        }
        Ok(self.tunnel.remove(keys).await)
    }

    async fn peers(&self) -> Result<Vec<InterfacePeer>, BackendError> {
        if self.tunnel.is_stopped() {
            return Err(self.gone());
        }
        let now = wall_clock();
        let peer = |known: tornado_packet_io::Status| InterfacePeer {
            public_key: known.public_key,
            endpoint: known.endpoint,
            latest_handshake: known.handshake_age.and_then(|ago| Some(unix_seconds(now.checked_sub(ago)?))),
            transfer: known.transfer,
        };
        Ok(self.tunnel.peers().await.into_iter().map(peer).collect())
    }

    async fn start_handshakes(&self, keys: &[PublicKey]) {
        self.tunnel.kick(keys).await;
    }

    async fn close(&self) {
        // The kernel deletes the link when the last descriptor of its TUN device is closed.
        self.tunnel.stop().await;
        if let Ok(Some(link)) = self.netlink.link(&self.name).await
            && link.index == self.index
            && let Err(error) = self.netlink.delete_link(link.index).await
        {
            tracing::debug!(%error, "could not delete the TUN device");
        }
    }
}
