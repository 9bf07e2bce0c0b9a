//! Creates the lanes' interfaces: selects the WireGuard implementation, handles existing links of the same name, sets
//! addresses.

use super::interface::{BackendError, Interface};
use super::lane::LaneInterface;
use crate::config::{BackendChoice, Settings};
use crate::error::Error;
use crate::host::netlink::{Link, LinkKind, Netlink};
use crate::host::sysctl;
use crate::model::PerLane;
use std::sync::Arc;
use tornado_contracts::wg::{Backend, LaneEnd};
use tornado_packet_io::{Settings as TunnelSettings, TunNode};
use tornado_shared::model::{Lane, PrivateKey, PublicKey};

/// Creates interfaces, at the start and after a removal.
pub(crate) struct Factory {
    netlink: Netlink,
    config: Settings,
    keys: PerLane<PrivateKey>,
    public_keys: PerLane<PublicKey>,
    backend: Backend,
    node: TunNode,
}

impl Factory {
    /// Selects the implementation: the kernel's if available. `node` is the source of TUN devices for userspace lanes.
    pub(crate) async fn new(
        netlink: Netlink,
        config: Settings,
        keys: PerLane<PrivateKey>,
        node: TunNode,
    ) -> Result<Self, Error> {
        let backend = match config.own.backend {
            BackendChoice::Kernel => Backend::Kernel,
            BackendChoice::Userspace => Backend::Userspace,
            BackendChoice::Auto => probe(&netlink, &config.own.direct).await?,
        };
        // Cached: deriving a public key is a key agreement, and every status request needs both.
        let public_keys = PerLane { direct: keys.direct.public_key(), tor: keys.tor.public_key() };
        Ok(Self { netlink, config, keys, public_keys, backend, node })
    }

    pub(crate) const fn backend(&self) -> Backend {
        self.backend
    }

    pub(crate) const fn netlink(&self) -> &Netlink {
        &self.netlink
    }

    pub(crate) const fn config(&self) -> &Settings {
        &self.config
    }

    /// Names of the lanes' interfaces.
    pub(crate) fn lanes(&self) -> [&str; 2] {
        [&self.config.own.direct, &self.config.own.tor]
    }

    pub(crate) fn public_keys(&self) -> PerLane<PublicKey> {
        self.public_keys
    }

    /// The parameters of a lane that devices need.
    pub(crate) fn end(&self, lane: Lane, up: bool) -> LaneEnd {
        LaneEnd {
            lane,
            interface: self.config.interface(lane).to_owned(),
            public_key: *self.public_keys.of(lane),
            port: self.config.port(lane),
            mtu: self.config.wiring.lanes.mtu,
            dns: self.config.resolver(lane),
            ipv6: sysctl::has_ipv6(),
            up,
        }
    }

    /// Creates the lane's interface, sets its addresses and brings it up. A kernel interface left by an earlier process
    /// is taken over with its peers. Any other link of that name that was a lane is deleted; links of other programs
    /// never are.
    pub(crate) async fn open(&self, lane: Lane) -> Result<Arc<dyn Interface>, Error> {
        let name = self.config.interface(lane);
        clear(&self.netlink, name, self.backend).await?;
        let interface = self.create(lane, name).await?;
        match self.configure(lane, name).await {
            Ok(()) => Ok(interface),
            Err(error) => {
                interface.close().await;
                Err(error)
            }
        }
    }

    async fn create(&self, lane: Lane, name: &str) -> Result<Arc<dyn Interface>, BackendError> {
        let (mtu, offload) = (self.config.wiring.lanes.mtu, self.config.own.offload);
        let (key, port) = (self.keys.of(lane).clone(), self.config.port(lane));
        let (settings, netlink) = (TunnelSettings { key, port, mark: None, peers: Vec::new() }, self.netlink.clone());
        Ok(Arc::new(match self.backend {
            Backend::Kernel => LaneInterface::in_kernel(netlink, name, settings).await?,
            Backend::Userspace => {
                LaneInterface::in_userspace(netlink, name, mtu, offload, &self.node, settings).await?
            }
        }))
    }

    async fn configure(&self, lane: Lane, name: &str) -> Result<(), Error> {
        sysctl::prepare_interface(name)?;
        let link = self.netlink.link(name).await?.ok_or_else(|| BackendError::Gone(name.to_owned()))?;
        let pool = self.config.wiring.lanes.pools.of(lane);
        let addresses = self.config.gateway(lane)?;
        self.netlink.configure(link.index, pool, addresses, self.config.wiring.lanes.mtu, sysctl::has_ipv6()).await?;
        Ok(())
    }
}

/// Tries to create a link of the kernel's WireGuard. The link stays, and `open` takes it over.
async fn probe(netlink: &Netlink, name: &str) -> Result<Backend, Error> {
    clear(netlink, name, Backend::Kernel).await?;
    if netlink.link(name).await?.is_some() {
        return Ok(Backend::Kernel);
    }
    match netlink.create_wireguard(name).await {
        Ok(()) => Ok(Backend::Kernel),
        Err(error) if error.errno() == Some(nix::libc::EOPNOTSUPP) => {
            tracing::info!("this kernel has no WireGuard; using the userspace implementation");
            Ok(Backend::Userspace)
        }
        Err(error) => Err(error.into()),
    }
}

/// Deletes a link of an earlier process that this one cannot take over.
async fn clear(netlink: &Netlink, name: &str, backend: Backend) -> Result<(), BackendError> {
    let Some(Link { index, kind, is_ours, .. }) = netlink.link(name).await? else { return Ok(()) };
    if !is_ours {
        return Err(BackendError::NameTaken(name.to_owned()));
    }
    match (kind, backend) {
        (LinkKind::Wireguard, Backend::Kernel) => Ok(()),
        (LinkKind::Wireguard | LinkKind::Tun, Backend::Kernel | Backend::Userspace) => {
            tracing::warn!(interface = name, "replacing an interface of an earlier process");
            Ok(netlink.delete_link(index).await?)
        }
        (LinkKind::Other, Backend::Kernel | Backend::Userspace) => Err(BackendError::NameTaken(name.to_owned())),
    }
}
