//! WireGuard inside this process: gotatun over a TUN device.

use super::{BackendError, Interface, InterfacePeer, LanePeer};
use crate::netlink::{Link, Netlink};
use async_trait::async_trait;
use futures::StreamExt as _;
use gotatun::device::Peer;
use gotatun::x25519;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::RwLock;
use tornado_packet_io::{Link as PacketLink, Offload, PacketIoError, Settings, Tunnel};
use tornado_shared::model::{PrivateKey, PublicKey, Transfer, UnixSeconds};
use zeroize::Zeroize as _;

/// Packets wait while peers are changed; after so long they get their turn. An added peer takes some 70 us of key
/// agreement, a changed or removed one a look at the addresses of all.
const SLICE: Duration = Duration::from_millis(5);
/// Handshakes started at the same time.
const KICKS: usize = 256;
/// Longest wait for one: the initiation has long been sent by then, and the device itself repeats it.
const KICK_WAIT: Duration = Duration::from_millis(50);

/// Where a device is that nobody has heard of yet: no datagram can be sent to port 0 (`udp(7)`). gotatun moves the clock
/// of peers with an endpoint only. Without one the first handshake would be dated to the moment at which the peer was
/// put, and its keys thrown away at once if that is three minutes ago.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A userspace interface.
pub(crate) struct UserspaceInterface {
    name: String,
    index: u32,
    netlink: Netlink,
    tunnel: RwLock<Option<Tunnel>>,
}

impl UserspaceInterface {
    /// Opens the TUN device and the socket. The link is left down and without addresses.
    pub(crate) async fn create(
        netlink: &Netlink,
        name: &str,
        port: u16,
        mtu: u16,
        key: &PrivateKey,
        offload: Offload,
    ) -> Result<Self, BackendError> {
        let failed = |error| not_opened(name, error);
        let link = PacketLink::open(name, mtu, offload).await.map_err(failed)?;
        let index = match netlink.link(name).await? {
            Some(link) => link.index,
            None => return Err(BackendError::Gone(name.to_owned())),
        };
        let key = x25519::StaticSecret::from(*key.expose());
        let tunnel = link.start(Settings { key, port, mark: None, peers: Vec::new() }).await.map_err(failed)?;
        Ok(Self { name: name.to_owned(), index, netlink: netlink.clone(), tunnel: RwLock::new(Some(tunnel)) })
    }

    fn gone(&self) -> BackendError {
        BackendError::Gone(self.name.clone())
    }
}

fn not_opened(interface: &str, error: PacketIoError) -> BackendError {
    match error {
        PacketIoError::Open { what, source } => BackendError::Open { what, interface: interface.to_owned(), source },
        PacketIoError::Device(error) => refused(interface, &error),
    }
}

fn refused(interface: &str, error: &gotatun::device::Error) -> BackendError {
    BackendError::Refused { interface: interface.to_owned(), detail: error.to_string() }
}

fn point(key: &PublicKey) -> x25519::PublicKey {
    x25519::PublicKey::from(*key.as_bytes())
}

fn new_peer(peer: &LanePeer) -> Peer {
    let ips = [IpAddr::V4(peer.addresses.v4).into(), IpAddr::V6(peer.addresses.v6).into()];
    let mut new = Peer::new(point(&peer.public_key)).with_allowed_ips(ips);
    new.endpoint = Some(peer.endpoint.unwrap_or(NOWHERE));
    new.preshared_key = peer.preshared_key.as_ref().map(|psk| *psk.expose());
    new
}

#[async_trait]
impl Interface for UserspaceInterface {
    async fn alive(&self) -> Result<(), BackendError> {
        // Whoever holds the lock is using the device; the next look will find it free.
        if let Ok(mut tunnel) = self.tunnel.try_write()
            && tunnel.as_mut().is_none_or(Tunnel::has_failed)
        {
            return Err(self.gone());
        }
        match self.netlink.link(&self.name).await? {
            Some(Link { index, up: true, .. }) if index == self.index => Ok(()),
            Some(_) | None => Err(self.gone()),
        }
    }

    async fn put_peers(&self, peers: &[LanePeer]) -> Result<(), BackendError> {
        let guard = self.tunnel.read().await;
        let device = guard.as_ref().ok_or_else(|| self.gone())?.device();
        self.alive().await?;
        let mut rest = peers.iter();
        while rest.len() > 0 {
            let written = device.write(async |d| {
                let started = Instant::now();
                for peer in rest.by_ref() {
                    let mut new = new_peer(peer);
                    let ips = new.allowed_ips.clone();
                    let psk = new.preshared_key;
                    // Not `update_peer`: it would erase the endpoint the device has learned.
                    let changed = d.modify_peer(&new.public_key, |known| {
                        known.clear_allowed_ips();
                        known.add_allowed_ips(ips);
                        known.set_preshared_key(psk);
                    });
                    if changed.await {
                        new.preshared_key.zeroize();
                    } else {
                        d.add_peer(new);
                    }
                    if started.elapsed() > SLICE {
                        break;
                    }
                }
            });
            written.await.map_err(|e| refused(&self.name, &e))?;
            tokio::task::yield_now().await;
        }
        self.alive().await
    }

    async fn remove_peers(&self, keys: &[PublicKey]) -> Result<Vec<Transfer>, BackendError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let last: HashMap<PublicKey, Transfer> =
            self.peers().await?.into_iter().map(|p| (p.public_key, p.transfer)).collect();
        let guard = self.tunnel.read().await;
        let device = guard.as_ref().ok_or_else(|| self.gone())?.device();
        let mut rest = keys.iter();
        while rest.len() > 0 {
            let written = device.write(async |d| {
                let started = Instant::now();
                for key in rest.by_ref() {
                    d.remove_peer(&point(key)).await;
                    if started.elapsed() > SLICE {
                        break;
                    }
                }
            });
            written.await.map_err(|e| refused(&self.name, &e))?;
            tokio::task::yield_now().await;
        }
        Ok(keys.iter().map(|key| last.get(key).copied().unwrap_or_default()).collect())
    }

    async fn peers(&self) -> Result<Vec<InterfacePeer>, BackendError> {
        let guard = self.tunnel.read().await;
        let device = guard.as_ref().ok_or_else(|| self.gone())?.device();
        let now = tornado_mesh::trial::wall_clock();
        let mut found = Vec::new();
        let mut list = device.peers().await;
        for known in &mut list {
            known.peer.preshared_key.zeroize();
            let Ok(public_key) = PublicKey::from_bytes(known.peer.public_key.to_bytes()) else { continue };
            found.push(InterfacePeer {
                public_key,
                endpoint: known.peer.endpoint.filter(|at| *at != NOWHERE),
                latest_handshake: known.stats.last_handshake.and_then(|ago| unix(now.checked_sub(ago)?)),
                transfer: Transfer { rx_bytes: known.stats.rx_bytes as u64, tx_bytes: known.stats.tx_bytes as u64 },
            });
        }
        Ok(found)
    }

    async fn kick(&self, keys: &[PublicKey]) {
        let guard = self.tunnel.read().await;
        let Some(device) = guard.as_ref().map(Tunnel::device) else { return };
        let one = |key: PublicKey| async move {
            let key = point(&key);
            // Ends early once the peer has answered; an error only says that there is nobody to call.
            drop(tokio::time::timeout(KICK_WAIT, device.force_handshake(&key)).await);
        };
        futures::stream::iter(keys.iter().copied()).for_each_concurrent(KICKS, one).await;
    }

    async fn close(&self) {
        let tunnel = self.tunnel.write().await.take();
        if let Some(tunnel) = tunnel {
            // Its tasks hold the TUN device; the kernel takes the link away with its last descriptor.
            tunnel.stop().await;
        }
        if let Ok(Some(link)) = self.netlink.link(&self.name).await
            && link.index == self.index
            && let Err(error) = self.netlink.delete_link(link.index).await
        {
            tracing::debug!(%error, "the TUN device was gone already");
        }
    }
}

fn unix(at: SystemTime) -> Option<UnixSeconds> {
    UnixSeconds::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}
