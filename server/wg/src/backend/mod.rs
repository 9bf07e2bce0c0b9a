//! The seam between what decides about peers and what moves packets.

#[cfg(test)]
pub(crate) mod fake;
mod kernel;
mod userspace;

pub(crate) use kernel::KernelInterface;
pub(crate) use userspace::UserspaceInterface;

use crate::netlink::NetlinkError;
use async_trait::async_trait;
use std::io;
use std::net::SocketAddr;
use tornado_shared::model::{LaneAddresses, PresharedKey, PublicKey, Transfer, UnixSeconds};

/// A peer as an interface is to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LanePeer {
    /// The device's key.
    pub public_key: PublicKey,
    /// Allowed IPs: exactly these, /32 and /128.
    pub addresses: LaneAddresses,
    /// Preshared key, if any.
    pub preshared_key: Option<PresharedKey>,
    /// Where the peer was last known to be. Used only when the interface does not know the peer yet:
    /// what it has learned itself is newer.
    pub endpoint: Option<SocketAddr>,
}

/// A peer as an interface has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InterfacePeer {
    /// The device's key.
    pub public_key: PublicKey,
    /// Where its packets last came from.
    pub endpoint: Option<SocketAddr>,
    /// When the latest handshake ended.
    pub latest_handshake: Option<UnixSeconds>,
    /// Counters since the peer was added.
    pub transfer: Transfer,
}

/// Why an interface did not do as told.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The interface is not there, or is another one of the same name, or is down.
    #[error("the interface {0} is gone")]
    Gone(String),
    /// The kernel has no WireGuard.
    #[error("this kernel has no WireGuard")]
    NoKernelSupport,
    /// A link of that name belongs to something else.
    #[error(
        "an interface {0} exists that this server did not make; rename it, or give the lane another name in [wg] \
         (direct, tor); if nothing uses it: ip link delete {0}"
    )]
    NameTaken(String),
    /// The TUN device or the UDP socket could not be opened.
    #[error("cannot open {what} for {interface}: {source}")]
    Open {
        /// The part that failed.
        what: &'static str,
        /// Of which interface.
        interface: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The implementation refused.
    #[error("{interface}: {detail}")]
    Refused {
        /// Which interface.
        interface: String,
        /// What it said.
        detail: String,
    },
    /// The kernel refused.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
}

/// One WireGuard interface. Everything is idempotent. A method that fails may have done a part;
/// the caller puts back what it wants.
#[async_trait]
pub(crate) trait Interface: Send + Sync {
    /// Fails when the interface was taken away.
    async fn alive(&self) -> Result<(), BackendError>;
    /// Makes these peers so, others stay. A learned endpoint and running sessions survive.
    async fn put_peers(&self, peers: &[LanePeer]) -> Result<(), BackendError>;
    /// Takes these peers away. Returns their last counters in the same order, zero for unknown ones.
    async fn remove_peers(&self, keys: &[PublicKey]) -> Result<Vec<Transfer>, BackendError>;
    /// Every peer.
    async fn peers(&self) -> Result<Vec<InterfacePeer>, BackendError>;
    /// Starts a handshake with each of these peers whose endpoint is known. Best effort.
    async fn kick(&self, keys: &[PublicKey]);
    /// Ends the interface and takes it away.
    async fn close(&self);
}

/// Stands in for an interface while there is none.
pub(crate) struct Absent(pub(crate) String);

#[async_trait]
impl Interface for Absent {
    async fn alive(&self) -> Result<(), BackendError> {
        Err(BackendError::Gone(self.0.clone()))
    }
    async fn put_peers(&self, _: &[LanePeer]) -> Result<(), BackendError> {
        self.alive().await
    }
    async fn remove_peers(&self, _: &[PublicKey]) -> Result<Vec<Transfer>, BackendError> {
        Err(BackendError::Gone(self.0.clone()))
    }
    async fn peers(&self) -> Result<Vec<InterfacePeer>, BackendError> {
        Err(BackendError::Gone(self.0.clone()))
    }
    async fn kick(&self, _: &[PublicKey]) {}
    async fn close(&self) {}
}
