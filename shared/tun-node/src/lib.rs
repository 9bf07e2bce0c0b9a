//! Opens `/dev/net/tun` with minimal privileges.
//!
//! On a machine without udev (micro-VMs, containers), the node belongs to root with mode 0600, so a process with
//! CAP_NET_ADMIN that is not root cannot open it. In that case a root process opens the node and passes the descriptor
//! over a Unix socket ([`hand_over`]). The receiver's own CAP_NET_ADMIN decides whether it can create a device with it
//! (`TUNSETIFF`, Documentation/networking/tuntap.rst). Mode, owner and ACL of the node are not changed.
//!
//! A device belongs to the network namespace of the process that opened the node.

#![cfg(target_os = "linux")]

mod error;
mod handover;
mod node;

pub use error::TunNodeError;
pub use handover::hand_over;
pub use node::{PATH, open_node};

use handover::receive;
use nix::errno::Errno;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::Mutex;

/// Timeout for the root process.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A request on an inherited connection. Its value has no meaning.
const REQUEST: &[u8] = b"o";

/// How a process opens the node. Clones share the connection.
#[derive(Debug, Clone, Default)]
pub enum TunNode {
    /// The process opens the node itself.
    #[default]
    Own,
    /// The process opens the node itself if it can. Otherwise it connects to this socket, at which a root process calls
    /// [`hand_over`] for each connection. This works across restarts of the root process.
    Socket(PathBuf),
    /// The process opens the node itself if it can. Otherwise it asks its parent, which calls [`hand_over`] for each
    /// byte it reads.
    Parent(Arc<Mutex<UnixStream>>),
}

impl TunNode {
    /// Uses the connection to a parent that serves the node.
    #[must_use]
    pub fn of_parent(connection: UnixStream) -> Self {
        Self::Parent(Arc::new(Mutex::new(connection)))
    }

    /// Opens a new descriptor of the node for one device, non-blocking and close-on-exec. Requires a Tokio runtime.
    ///
    /// # Errors
    /// If neither this process nor the root process can open the node.
    pub async fn open(&self) -> Result<OwnedFd, TunNodeError> {
        let own = match node::open_node() {
            Ok(fd) => return Ok(fd),
            Err(own) => own,
        };
        let handed = match self {
            Self::Own => return Err(TunNodeError::own(own)),
            Self::Socket(path) => limited(ask_socket(path)).await,
            Self::Parent(connection) => limited(ask_parent(connection)).await,
        };
        match handed {
            Ok(Ok(fd)) => Ok(fd),
            Ok(Err(errno)) => Err(TunNodeError::refused(errno)),
            Err(source) => Err(TunNodeError::unreachable(own, self, source)),
        }
    }
}

/// The outer error is that of the connection, the inner one that of the root process.
type Handed = io::Result<Result<OwnedFd, Errno>>;

async fn limited(asked: impl Future<Output = Handed>) -> Handed {
    tokio::time::timeout(TIMEOUT, asked).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn ask_socket(path: &std::path::Path) -> Handed {
    receive(&UnixStream::connect(path).await?).await
}

async fn ask_parent(connection: &Mutex<UnixStream>) -> Handed {
    use tokio::io::AsyncWriteExt as _;
    let mut connection = connection.lock().await;
    connection.write_all(REQUEST).await?;
    receive(&connection).await
}

#[cfg(test)]
mod tests;
