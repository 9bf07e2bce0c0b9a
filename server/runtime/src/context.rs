//! What a service receives at its start.

use crate::metrics::Metrics;
use crate::{Readiness, Roles};
use axum::Router;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;
use tornado_contracts::ServiceName;
use tornado_rpc::{Channel, SocketError, SocketServer, listen};

/// The first inherited descriptor, sd_listen_fds(3).
const LISTEN_FD: i32 = 3;

/// Name of the socket through which the supervisor passes `/dev/net/tun` to service `wg`.
pub const TUN_SOCKET: &str = "tun";

/// Path of the socket `name` in `run_dir`: a service name, `master` or [`TUN_SOCKET`].
#[must_use]
pub fn socket_path(run_dir: &Path, name: &str) -> PathBuf {
    run_dir.join(format!("{name}.sock"))
}

/// Directories, callers and shutdown token of one service.
#[derive(Clone)]
pub struct Context {
    /// The service itself.
    pub service: ServiceName,
    /// Directory of all sockets, for example `/run/tornado`; owned by root.
    pub run_dir: PathBuf,
    /// The service's own directory, mode 0700, for example `/var/lib/tornado/auth`.
    pub state_dir: PathBuf,
    /// Maps each uid to its roles.
    pub roles: Roles,
    /// The metrics that the service publishes.
    pub metrics: Metrics,
    /// Cancelled to shut the service down.
    pub shutdown: CancellationToken,
}

/// Why a service has no usable socket.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// The socket could not be created.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The inherited socket cannot be served.
    #[error("cannot serve the socket inherited from the supervisor: {0}")]
    Inherited(#[source] std::io::Error),
}

impl Context {
    /// A channel to another service.
    #[must_use]
    pub fn channel(&self, service: ServiceName) -> Channel {
        Channel::new(socket_path(&self.run_dir, service.as_str()))
    }

    /// Creates the server for this service's own socket. Uses the listening socket that `master` passed (descriptor 3
    /// with `LISTEN_PID` and `LISTEN_FDS`, sd_listen_fds(3)), so that callers wait in its backlog while the service
    /// restarts. Without an inherited socket, it creates one.
    ///
    /// # Errors
    /// When the socket cannot be created or served.
    pub fn server(&self, router: Router, readiness: Readiness) -> Result<SocketServer, ContextError> {
        let path = socket_path(&self.run_dir, self.service.as_str());
        let listener = match inherited(&path) {
            Some(listener) => listener,
            None => listen(&path)?,
        };
        let router = router.merge(readiness.router()).merge(self.metrics.router());
        let server = SocketServer::new(listener, self.roles.clone(), router).map_err(ContextError::Inherited)?;
        Ok(server.with_observer(self.metrics.calls()))
    }
}

#[expect(unsafe_code, reason = "an inherited descriptor has no owner in this process yet")]
fn inherited(path: &Path) -> Option<UnixListener> {
    let pid = std::env::var("LISTEN_PID").ok()?;
    let count = std::env::var("LISTEN_FDS").ok()?;
    if pid.parse() != Ok(std::process::id()) || count != "1" {
        return None;
    }
    // SAFETY: the supervisor placed a listening socket at descriptor 3 for this pid, and nothing else in this process
    // uses that descriptor. The address is compared below before the socket is served.
    let listener = UnixListener::from(unsafe { OwnedFd::from_raw_fd(LISTEN_FD) });
    let is_ours = listener.local_addr().is_ok_and(|address| address.as_pathname() == Some(path));
    if !is_ours {
        tracing::warn!(fd = listener.as_raw_fd(), "inherited socket does not belong to this service; creating one");
        std::mem::forget(listener);
        return None;
    }
    Some(listener)
}
