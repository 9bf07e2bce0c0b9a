//! A lane's interface: WireGuard in the kernel, or in this process over a TUN device.

use super::interface::{BackendError, Interface};
use crate::host::netlink::{Link, LinkKind, Netlink};
use async_trait::async_trait;
use tornado_packet_io::{
    KernelTunnel, Link as PacketLink, Offload, PacketIoError, Peer, Settings, Status, TunNode, Tunnel,
};
use tornado_shared::model::{PublicKey, Transfer};

pub(super) struct LaneInterface {
    name: String,
    index: u32,
    netlink: Netlink,
    wireguard: WireGuard,
}

enum WireGuard {
    Kernel(KernelTunnel),
    Userspace(Tunnel),
}

impl LaneInterface {
    /// Takes over the kernel's interface with this name, including its peers, or creates it.
    pub(super) async fn in_kernel(netlink: Netlink, name: &str, settings: Settings) -> Result<Self, BackendError> {
        if netlink.link(name).await?.is_none() {
            netlink.create_wireguard(name).await?;
        }
        let index = match netlink.link(name).await? {
            Some(Link { index, kind: LinkKind::Wireguard, .. }) => index,
            Some(_) | None => return Err(BackendError::Gone(name.to_owned())),
        };
        let interface = name.to_owned();
        let open = |source| BackendError::Open { what: "a netlink socket", interface, source };
        let kernel = KernelTunnel::connect(index).map_err(open)?;
        kernel.start(settings).await.map_err(|detail| refused(name, &detail))?;
        Ok(Self { name: name.to_owned(), index, netlink, wireguard: WireGuard::Kernel(kernel) })
    }

    /// Opens the TUN device and the socket. The link stays down and without addresses.
    pub(super) async fn in_userspace(
        netlink: Netlink,
        name: &str,
        mtu: u16,
        offload: Offload,
        node: &TunNode,
        settings: Settings,
    ) -> Result<Self, BackendError> {
        let failed = |PacketIoError { what, source }| {
            let interface = name.to_owned();
            BackendError::Open { what, interface, source }
        };
        let link = PacketLink::open(name, mtu, offload, node).await.map_err(failed)?;
        let index = match netlink.link(name).await? {
            Some(link) => link.index,
            None => return Err(BackendError::Gone(name.to_owned())),
        };
        netlink.mark(index).await?;
        let tunnel = link.start(settings).await.map_err(failed)?;
        Ok(Self { name: name.to_owned(), index, netlink, wireguard: WireGuard::Userspace(tunnel) })
    }

    fn gone(&self) -> BackendError {
        BackendError::Gone(self.name.clone())
    }

    async fn delete_link(&self, what: &str) {
        if let Err(error) = self.netlink.delete_link(self.index).await {
            tracing::debug!(%error, "could not delete {what}");
        }
    }
}

fn refused(interface: &str, detail: &std::io::Error) -> BackendError {
    BackendError::Refused { interface: interface.to_owned(), detail: detail.to_string() }
}

#[async_trait]
impl Interface for LaneInterface {
    async fn alive(&self) -> Result<(), BackendError> {
        if matches!(&self.wireguard, WireGuard::Userspace(tunnel) if tunnel.has_failed()) {
            return Err(self.gone());
        }
        match self.netlink.link(&self.name).await? {
            Some(Link { index, up: true, .. }) if index == self.index => Ok(()),
            Some(_) | None => Err(self.gone()),
        }
    }

    async fn put_peers(&self, peers: &[Peer]) -> Result<(), BackendError> {
        self.alive().await?;
        match &self.wireguard {
            WireGuard::Kernel(kernel) => kernel.put(peers).await.map_err(|detail| refused(&self.name, &detail)),
            WireGuard::Userspace(tunnel) => {
                tunnel.put(peers).await;
                self.alive().await
            }
        }
    }

    async fn remove_peers(&self, keys: &[PublicKey]) -> Result<Vec<Transfer>, BackendError> {
        match &self.wireguard {
            WireGuard::Kernel(kernel) => {
                self.alive().await?;
                kernel.remove(keys).await.map_err(|detail| refused(&self.name, &detail))
            }
            WireGuard::Userspace(tunnel) if tunnel.is_stopped() && !keys.is_empty() => Err(self.gone()),
            WireGuard::Userspace(tunnel) => Ok(tunnel.remove(keys).await),
        }
    }

    async fn peers(&self) -> Result<Vec<Status>, BackendError> {
        match &self.wireguard {
            WireGuard::Kernel(kernel) => kernel.peers().await.map_err(|detail| refused(&self.name, &detail)),
            WireGuard::Userspace(tunnel) if tunnel.is_stopped() => Err(self.gone()),
            WireGuard::Userspace(tunnel) => Ok(tunnel.peers().await),
        }
    }

    async fn start_handshakes(&self, keys: &[PublicKey]) {
        match &self.wireguard {
            WireGuard::Kernel(kernel) => kernel.start_handshakes(keys).await,
            WireGuard::Userspace(tunnel) => tunnel.start_handshakes(keys).await,
        }
    }

    async fn close(&self) {
        match &self.wireguard {
            WireGuard::Kernel(_) => self.delete_link("the interface").await,
            WireGuard::Userspace(tunnel) => {
                // The kernel deletes the link when the last descriptor of its TUN device is closed.
                tunnel.stop().await;
                if matches!(self.netlink.link(&self.name).await, Ok(Some(link)) if link.index == self.index) {
                    self.delete_link("the TUN device").await;
                }
            }
        }
    }
}
