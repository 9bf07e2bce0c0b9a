//! The trait between the code that decides about peers and the code that moves packets.

use crate::host::netlink::NetlinkError;
use crate::model::PerLane;
use async_trait::async_trait;
use std::io;
use std::sync::Arc;
use tornado_packet_io::{Peer, Status};
use tornado_shared::model::{PublicKey, Transfer};

/// Reasons for which an operation on an interface fails.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The interface does not exist, is down, or was replaced by another one of the same name.
    #[error("interface {0} does not exist or is down")]
    Gone(String),
    /// A link of that name belongs to another program.
    #[error(
        "cannot create interface {0}: an interface with this name was not created by this server; rename it, set \
         another name in [wg] (direct, tor), or run `ip link delete {0}` if nothing uses it"
    )]
    NameTaken(String),
    /// The TUN device or the UDP socket could not be opened.
    #[error("cannot open {what} for {interface}: {source}")]
    Open {
        /// What could not be opened.
        what: &'static str,
        /// The interface's name.
        interface: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The WireGuard implementation rejected the change.
    #[error("cannot configure {interface}: {detail}")]
    Refused {
        /// The interface's name.
        interface: String,
        /// The implementation's error.
        detail: String,
    },
    /// A netlink request failed.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
}

/// One WireGuard interface. All methods are idempotent. A method that fails may have applied a part of its change; the
/// caller then restores the state it wants.
#[async_trait]
pub(crate) trait Interface: Send + Sync {
    /// Fails with `Gone` if the interface was removed or is down.
    async fn alive(&self) -> Result<(), BackendError>;
    /// Adds or updates these peers and leaves all others unchanged. Learned endpoints and running sessions survive: an
    /// endpoint is used only if the interface does not know the peer yet.
    async fn put_peers(&self, peers: &[Peer]) -> Result<(), BackendError>;
    /// Removes these peers. Returns their final counters in the same order, zero for unknown peers.
    async fn remove_peers(&self, keys: &[PublicKey]) -> Result<Vec<Transfer>, BackendError>;
    /// All peers.
    async fn peers(&self) -> Result<Vec<Status>, BackendError>;
    /// Starts a handshake with each of these peers whose endpoint is known. Best effort.
    async fn start_handshakes(&self, keys: &[PublicKey]);
    /// Stops the interface and deletes it.
    async fn close(&self);
}

/// The current interfaces of both lanes.
pub(crate) type Interfaces = PerLane<Arc<dyn Interface>>;

/// Placeholder for a missing interface.
pub(crate) struct Absent(pub(crate) String);

#[async_trait]
impl Interface for Absent {
    async fn alive(&self) -> Result<(), BackendError> {
        Err(BackendError::Gone(self.0.clone()))
    }
    async fn put_peers(&self, _: &[Peer]) -> Result<(), BackendError> {
        self.alive().await
    }
    async fn remove_peers(&self, _: &[PublicKey]) -> Result<Vec<Transfer>, BackendError> {
        Err(BackendError::Gone(self.0.clone()))
    }
    async fn peers(&self) -> Result<Vec<Status>, BackendError> {
        Err(BackendError::Gone(self.0.clone()))
    }
    async fn start_handshakes(&self, _: &[PublicKey]) {}
    async fn close(&self) {}
}
