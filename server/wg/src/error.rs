//! Reasons for which the service cannot start or has to stop.

use crate::firewall::FirewallError;
use crate::host::netlink::NetlinkError;
use crate::interfaces::BackendError;
use std::io;
use std::path::PathBuf;
use tornado_runtime::{ContextError, TaskError};

/// Failures of service `wg` as a whole.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is invalid.
    #[error("invalid configuration of the lanes: {0}")]
    Config(String),
    /// A file of the state directory could not be read or written.
    #[error("cannot access {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A key file holds something other than a key. The file stays unchanged: the service never replaces the server's
    /// key.
    #[error(
        "cannot read the key in {0}: not a WireGuard key; restore the file from a backup, or delete it to create a new \
         key"
    )]
    KeyFile(PathBuf),
    /// A netlink request about links, addresses or rules failed.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// The nftables policy could not be applied.
    #[error(transparent)]
    Firewall(#[from] FirewallError),
    /// An interface could not be created or configured.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A kernel setting could not be written.
    #[error(
        "cannot set /proc/sys/{name}: {source}; if /proc/sys is read-only, set it before the start (container: \
         `--sysctl`)"
    )]
    Sysctl {
        /// Path under `/proc/sys`.
        name: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The service's socket could not be opened.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// A task ended early.
    #[error(transparent)]
    Task(#[from] TaskError),
}

/// Adds the file's path to an error of the operating system.
pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| Error::File { path, source }
}
