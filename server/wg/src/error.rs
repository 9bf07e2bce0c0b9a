//! Why the service could not start or had to end.

use crate::backend::BackendError;
use crate::firewall::FirewallError;
use crate::netlink::NetlinkError;
use std::io;
use std::path::PathBuf;
use tornado_runtime::{ContextError, TaskError};

/// Failures of service `wg` as a whole.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration makes no sense.
    #[error("the configuration of the lanes is refused: {0}")]
    Config(String),
    /// A file of the state directory.
    #[error("cannot use {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A key file holds something else. It is left as it is: the server's key is never replaced by itself.
    #[error("{0} does not hold a WireGuard key; restore it from a backup, or remove it to make a new key")]
    KeyFile(PathBuf),
    /// The kernel's answer to a question about links, addresses or rules.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// The nftables policy could not be put in place.
    #[error(transparent)]
    Firewall(#[from] FirewallError),
    /// An interface could not be made or programmed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A kernel setting could not be written.
    #[error(
        "cannot set /proc/sys/{name}: {source}; where /proc/sys is read-only, set it before the start (for a container: `--sysctl`)"
    )]
    Sysctl {
        /// Path under `/proc/sys`.
        name: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The service's socket.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// A task ended early.
    #[error(transparent)]
    Task(#[from] TaskError),
}

/// Puts the file's name to an error of the operating system.
pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| Error::File { path, source }
}
