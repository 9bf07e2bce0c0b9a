//! Linux: interfaces, addresses, rules and routes by netlink; WireGuard in the kernel, or in this process.

mod guard;
mod kernel;
mod names;
mod netlink;
mod rule;
mod userspace;

use super::{Os, OsError};
use crate::plan::{Backend, Link, Observation, Slot};
use crate::policy::{Family, Routing};
use async_trait::async_trait;
use names::Names;
pub use names::own_resolvers;
use netlink::Netlink;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::path::PathBuf;
pub use tornado_packet_io::{Offload, TunNode};
use userspace::UserLink;

/// How the interfaces are called, and who moves the packets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Beginning of the two interfaces' names: `tornado` gives `tornado0` and `tornado1`. At most 14 bytes.
    pub interface: String,
    /// Forces an implementation; `None` takes the kernel's where it has one.
    pub backend: Option<Backend>,
    /// Whether this process, where it moves the packets, lets the kernel join and split them.
    pub offload: Offload,
    /// Where TUN devices come from.
    pub tun_node: TunNode,
    /// The file that names this machine's resolvers, resolv.conf(5).
    pub resolv_conf: PathBuf,
    /// Where a copy of it is kept while it is changed; made with mode 0700 when needed.
    pub state_dir: PathBuf,
}

impl std::default::Default for Settings {
    fn default() -> Self {
        let resolv_conf = names::default_resolv_conf();
        Self {
            interface: "tornado".into(),
            backend: None,
            offload: Offload::Auto,
            tun_node: TunNode::Own,
            resolv_conf,
            state_dir: "/var/lib/tornado-helper".into(),
        }
    }
}

/// The kernel of this machine, or of the network namespace in which it was opened.
pub struct Linux {
    settings: Settings,
    backend: Backend,
    netlink: Netlink,
    links: HashMap<Slot, UserLink>,
    names: Names,
    /// Addresses of links that are up.
    addresses: HashMap<Slot, Vec<IpAddr>>,
    /// Links that could not get their IPv6 address.
    without_ipv6: HashSet<Slot>,
}

impl Linux {
    /// Opens netlink and finds out who can move packets. Needs CAP_NET_ADMIN. Inside a Tokio runtime.
    pub async fn open(settings: Settings) -> Result<Self, OsError> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if settings.interface.is_empty() || settings.interface.len() > 14 || !settings.interface.bytes().all(fits) {
            return Err(OsError::new("name the interface", "1 to 14 letters, digits, '-' or '_' are needed"));
        }
        let netlink = Netlink::open()?;
        let backend = match settings.backend {
            Some(backend) => backend,
            None => probe(&netlink, &settings.interface).await?,
        };
        tracing::info!(?backend, "WireGuard implementation chosen");
        let names = Names::new(&settings.resolv_conf, &settings.state_dir, &settings.interface);
        Ok(Self {
            settings,
            backend,
            netlink,
            links: HashMap::new(),
            names,
            addresses: HashMap::new(),
            without_ipv6: HashSet::new(),
        })
    }

    /// Who moves the packets.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        self.backend
    }

    /// The interface's name of a slot.
    #[must_use]
    pub fn name(&self, slot: Slot) -> String {
        name(&self.settings.interface, slot)
    }
}

impl Linux {
    async fn drop_link(&mut self, slot: Slot) -> Result<(), OsError> {
        self.without_ipv6.remove(&slot);
        if let Some(link) = self.links.remove(&slot) {
            link.stop().await;
        }
        self.netlink.remove_link(&self.name(slot)).await
    }

    /// Tells programs at once that their connections are over: from an address that is gone nothing can come back.
    fn end_connections(&mut self, slot: Slot) {
        let Some(gone) = self.addresses.remove(&slot) else { return };
        let kept = |address: &IpAddr| self.addresses.values().flatten().any(|other| other == address);
        let ended = tornado_sockets::end_tcp(|local| gone.contains(&local.ip()) && !kept(&local.ip()));
        if let Err(error) = ended {
            tracing::warn!(%error, "connections of the former tunnel end only when programs give them up");
        }
    }
}

fn name(prefix: &str, slot: Slot) -> String {
    let number = match slot {
        Slot::A => 0,
        Slot::B => 1,
    };
    format!("{prefix}{number}")
}

/// Tries to make a WireGuard interface: the kernel's word is better than a list of modules.
async fn probe(netlink: &Netlink, prefix: &str) -> Result<Backend, OsError> {
    let name = name(prefix, Slot::A);
    netlink.remove_link(&name).await?;
    if netlink.add_wireguard(&name).await? {
        netlink.remove_link(&name).await?;
        return Ok(Backend::Kernel);
    }
    Ok(Backend::Userspace)
}

#[async_trait]
impl Os for Linux {
    async fn up(&mut self, link: &Link) -> Result<Backend, OsError> {
        // A link that is made again keeps its addresses, and what goes through it goes on.
        self.drop_link(link.slot).await?;
        let name = self.name(link.slot);
        let user = match self.backend {
            Backend::Kernel => {
                if !self.netlink.add_wireguard(&name).await? {
                    return Err(OsError::new("make the interface", "the kernel's WireGuard is gone"));
                }
                kernel::configure(&name, link).await?;
                None
            }
            Backend::Userspace => {
                Some(userspace::open(&name, link.lane.mtu, self.settings.offload, &self.settings.tun_node).await?)
            }
        };
        self.addresses.insert(link.slot, link.lane.addresses.clone());
        let index = self.netlink.index(&name).await?.ok_or_else(|| OsError::new("find the interface", &name))?;
        self.netlink.set_up(index, link.lane.mtu).await?;
        for address in &link.lane.addresses {
            match self.netlink.add_address(index, *address).await {
                Ok(()) => {}
                Err(error) if Family::of(*address) == Family::V4 => return Err(error),
                // IPv6 is switched off here, perhaps only on new interfaces: then it is refused, not let past.
                Err(error) => {
                    tracing::warn!(%error, "the tunnel carries no IPv6; it is blocked while the tunnel is up");
                    self.without_ipv6.insert(link.slot);
                }
            }
        }
        if let Some(tun) = user {
            self.links.insert(link.slot, userspace::start(tun, link).await?);
        }
        Ok(self.backend)
    }

    async fn route(&mut self, routing: &Routing) -> Result<(), OsError> {
        let index = match routing.slot {
            Some(slot) => {
                let name = self.name(slot);
                self.netlink.index(&name).await?.ok_or_else(|| OsError::new("find the interface", &name))?
            }
            None => 0,
        };
        // The guard comes before what it guards. Where everything is held back, routes hold without it.
        let guarded = if routing.guard { guard::put(guard::links(|slot| self.name(slot))).await } else { Ok(()) };
        if routing.slot.is_some() {
            guarded.clone()?;
        }
        let ipv6 = self.netlink.has_ipv6().await;
        let only_v4 = routing.slot.is_some_and(|slot| self.without_ipv6.contains(&slot));
        // Routes before rules: while the rules are set there is something for them to find.
        for (family, mut leads) in routing.defaults {
            if family == Family::V6 && only_v4 {
                leads = crate::policy::Default::Unreachable;
            }
            if family == Family::V4 || ipv6 {
                self.netlink.put_default(family, leads, index).await?;
            }
        }
        let wanted: Vec<_> = routing.rules.iter().copied().filter(|r| r.family == Family::V4 || ipv6).collect();
        self.netlink.sync_rules(&wanted).await?;
        let reachable = |server: &IpAddr| server.is_ipv4() || (ipv6 && !only_v4);
        let names: Vec<IpAddr> = routing.names.iter().copied().filter(reachable).collect();
        match names.as_slice() {
            [] => self.names.restore().await?,
            servers => self.names.set(index, servers).await?,
        }
        if !routing.guard {
            guard::remove().await?;
        }
        guarded
    }

    async fn remove(&mut self, slot: Slot) -> Result<(), OsError> {
        self.drop_link(slot).await?;
        self.end_connections(slot);
        Ok(())
    }

    async fn observe(&mut self, slot: Slot) -> Result<Observation, OsError> {
        let name = self.name(slot);
        if self.netlink.index(&name).await?.is_none() {
            return Err(OsError::new("observe the interface", "it is gone"));
        }
        self.names.look();
        match self.links.get(&slot) {
            Some(link) => link.observe().await,
            None => kernel::observe(&name).await,
        }
    }

    async fn tear_down(&mut self) -> Result<(), OsError> {
        // Rules first: from then on nothing looks into our table.
        self.netlink.sync_rules(&[]).await?;
        self.netlink.flush_table().await?;
        for slot in Slot::ALL {
            self.remove(slot).await?;
        }
        self.names.restore().await?;
        guard::remove().await
    }
}
