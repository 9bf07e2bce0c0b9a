//! What every service is given at its start.

use crate::{Readiness, Roles};
use axum::Router;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;
use tornado_contracts::ServiceName;
use tornado_rpc::{Channel, SocketError, SocketServer, listen};

/// First inherited descriptor, as in `sd_listen_fds(3)`.
const LISTEN_FD: i32 = 3;

/// Name of the socket at which the supervisor passes `/dev/net/tun` to service `wg`.
pub const TUN_SOCKET: &str = "tun";

/// The socket called `name` in the directory of all sockets: a service's, `master` or [`TUN_SOCKET`].
#[must_use]
pub fn socket_path(run_dir: &Path, name: &str) -> PathBuf {
    run_dir.join(format!("{name}.sock"))
}

/// A service's surroundings: its directories, its callers, its end.
#[derive(Clone)]
pub struct Context {
    /// The service itself.
    pub service: ServiceName,
    /// Directory of all sockets, for example `/run/tornado`; root's.
    pub run_dir: PathBuf,
    /// The service's own directory, mode 0700, for example `/var/lib/tornado/auth`.
    pub state_dir: PathBuf,
    /// Which uid has which roles.
    pub roles: Roles,
    /// Cancelled when the service is to end.
    pub shutdown: CancellationToken,
}

/// Why a service could not take its socket.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// It could not be made.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// It was handed over in a state that cannot be served.
    #[error("the socket handed over by the supervisor cannot be served: {0}")]
    Inherited(#[source] std::io::Error),
}

impl Context {
    /// A channel to another service.
    #[must_use]
    pub fn channel(&self, service: ServiceName) -> Channel {
        Channel::new(socket_path(&self.run_dir, service.as_str()))
    }

    /// The server for this service's own socket. Takes the listening socket that `master` handed over
    /// (descriptor 3 with `LISTEN_PID` and `LISTEN_FDS`, sd_listen_fds(3)), so callers wait in its backlog
    /// while the service starts again; makes one when there is none.
    ///
    /// # Errors
    /// When the socket cannot be made or served.
    pub fn server(&self, router: Router, readiness: Readiness) -> Result<SocketServer<Roles>, ContextError> {
        let path = socket_path(&self.run_dir, self.service.as_str());
        let listener = match inherited(&path) {
            Some(listener) => listener,
            None => listen(&path)?,
        };
        SocketServer::new(listener, self.roles.clone(), router.merge(readiness.router()))
            .map_err(ContextError::Inherited)
    }
}

#[expect(unsafe_code, reason = "an inherited descriptor has no owner in this process yet")]
fn inherited(path: &Path) -> Option<UnixListener> {
    let pid = std::env::var("LISTEN_PID").ok()?;
    let count = std::env::var("LISTEN_FDS").ok()?;
    if pid.parse() != Ok(std::process::id()) || count != "1" {
        return None;
    }
    // SAFETY: the supervisor placed a listening socket there for this very pid, and nothing else here
    // uses descriptor 3; the address is compared below before the socket is served.
    let listener = UnixListener::from(unsafe { OwnedFd::from_raw_fd(LISTEN_FD) });
    let is_ours = listener.local_addr().is_ok_and(|address| address.as_pathname() == Some(path));
    if !is_ours {
        tracing::warn!(fd = listener.as_raw_fd(), "the inherited socket is not this service's; making one");
        std::mem::forget(listener);
        return None;
    }
    Some(listener)
}
