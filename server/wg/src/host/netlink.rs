//! Links and addresses over rtnetlink(7).

use futures::TryStreamExt as _;
use rtnetlink::packet_core::ErrorMessage;
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use rtnetlink::{Handle, LinkUnspec, LinkWireguard};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use tokio_util::task::AbortOnDropHandle;
use tornado_shared::model::{LaneAddresses, LanePool};

/// A netlink request failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}: {source}")]
pub struct NetlinkError {
    what: String,
    #[source]
    source: io::Error,
}

impl NetlinkError {
    pub(crate) fn new(what: impl Into<String>, source: io::Error) -> Self {
        Self { what: what.into(), source }
    }

    /// The system's error number; `None` if the error came from the netlink library.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        self.source.raw_os_error()
    }
}

/// A network link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) kind: LinkKind,
    pub(crate) up: bool,
    /// True if this service created the link, in this process or an earlier one. Links of other programs are never
    /// taken over or removed.
    pub(crate) is_ours: bool,
}

/// The alias (`ip link show`) that marks an interface of this service for a later process.
const ALIAS: &str = "Tornado VPN";

/// Kinds of link that a lane can have, and all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkKind {
    Wireguard,
    Tun,
    Other,
}

/// A netlink connection to the kernel. Clones share it; its task ends when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Netlink {
    handle: Handle,
    _connection: Arc<AbortOnDropHandle<()>>,
}

impl Netlink {
    pub(crate) fn connect() -> Result<Self, NetlinkError> {
        let opened = rtnetlink::new_connection();
        let (connection, handle, _) = opened.map_err(|source| NetlinkError::new("open a netlink socket", source))?;
        let task = tokio::spawn(connection);
        Ok(Self { handle, _connection: Arc::new(AbortOnDropHandle::new(task)) })
    }

    /// The connection, for requests about routes, rules and addresses.
    pub(crate) const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The link with this name, if it exists.
    pub(crate) async fn link(&self, name: &str) -> Result<Option<Link>, NetlinkError> {
        let found = self.handle.link().get().match_name(name).execute().try_next().await;
        match found.map_err(|e| failed(format!("show {name}"), e)) {
            Ok(message) => Ok(message.as_ref().map(describe)),
            Err(e) if e.errno() == Some(nix::libc::ENODEV) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Deletes a link. A link that no longer exists is not an error: the kernel removes the TUN device of a dead
    /// process with some delay.
    pub(crate) async fn delete_link(&self, index: u32) -> Result<(), NetlinkError> {
        let deleted = self.handle.link().del(index).execute().await;
        match deleted.map_err(|e| failed(format!("delete link {index}"), e)) {
            Err(e) if e.errno() == Some(nix::libc::ENODEV) => Ok(()),
            other => other,
        }
    }

    /// Creates a link of the kernel's WireGuard. Fails with EOPNOTSUPP if the kernel has none.
    pub(crate) async fn create_wireguard(&self, name: &str) -> Result<(), NetlinkError> {
        let message = LinkWireguard::new(name).build();
        self.handle.link().add(message).execute().await.map_err(|e| failed(format!("create {name}"), e))?;
        match self.link(name).await? {
            Some(link) => self.mark(link.index).await,
            None => Ok(()),
        }
    }

    /// Sets the alias that marks a link as ours.
    pub(crate) async fn mark(&self, index: u32) -> Result<(), NetlinkError> {
        let change = LinkUnspec::new_with_index(index).alias(ALIAS).build();
        self.handle.link().set(change).execute().await.map_err(|e| failed("set the alias of the link", e))
    }

    /// Sets the link's MTU and addresses and brings it up. The addresses have the prefix length of their pool, so that
    /// the kernel adds the pool's route.
    pub(crate) async fn configure(
        &self,
        index: u32,
        pool: &LanePool,
        addresses: LaneAddresses,
        mtu: u16,
        with_ipv6: bool,
    ) -> Result<(), NetlinkError> {
        let change = LinkUnspec::new_with_index(index).mtu(u32::from(mtu)).build();
        self.handle.link().set(change).execute().await.map_err(|e| failed("set the MTU", e))?;
        let v4 = (IpAddr::V4(addresses.v4), pool.v4.prefix_len());
        let v6 = with_ipv6.then_some((IpAddr::V6(addresses.v6), pool.v6.prefix_len()));
        for (address, prefix) in std::iter::once(v4).chain(v6) {
            let add = self.handle.address().add(index, address, prefix).replace();
            add.execute().await.map_err(|e| failed(format!("add the address {address}"), e))?;
        }
        let change = LinkUnspec::new_with_index(index).up().build();
        self.handle.link().set(change).execute().await.map_err(|e| failed("set the link up", e))
    }
}

pub(crate) fn failed(what: impl Into<String>, error: rtnetlink::Error) -> NetlinkError {
    let code = if let rtnetlink::Error::NetlinkError(ErrorMessage { code, .. }) = &error { *code } else { None };
    let source =
        code.map_or_else(|| io::Error::other(error.to_string()), |code| io::Error::from_raw_os_error(code.get().abs()));
    NetlinkError { what: what.into(), source }
}

fn describe(message: &LinkMessage) -> Link {
    let is_ours = message.attributes.contains(&LinkAttribute::IfAlias(ALIAS.to_owned()));
    let is = |kind: InfoKind| {
        let kind = LinkInfo::Kind(kind);
        message.attributes.iter().any(|a| matches!(a, LinkAttribute::LinkInfo(infos) if infos.contains(&kind)))
    };
    let kind = match (is(InfoKind::Wireguard), is(InfoKind::Tun)) {
        (true, _) => LinkKind::Wireguard,
        (false, true) => LinkKind::Tun,
        (false, false) => LinkKind::Other,
    };
    Link { index: message.header.index, kind, up: message.header.flags.contains(LinkFlags::Up), is_ours }
}
