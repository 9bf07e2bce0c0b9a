//! The supervisor: starts the services in the order of their needs, watches them, starts them again,
//! stops them in reverse order, and gives each only the rights it needs.
//!
//! What decides ([`policy`], [`backoff`], [`table`]) never touches a process; what touches processes
//! ([`spawn`], [`proc`], [`supervisor`]) never decides.
//!
//! The services outlive a `kill -9` of this process, so that packets keep flowing; the next `master`
//! finds them by its [`record`] and takes them over.

mod backoff;
mod handle;
mod notify;
mod policy;
mod proc;
mod record;
mod spawn;
mod stray;
mod supervisor;
mod table;
mod tun;
mod watch;

use std::path::PathBuf;
use tokio_util::sync::CancellationToken;
use tornado_contracts::{ServiceName, master};
use tornado_rpc::{SocketError, SocketServer, listen};
use tornado_runtime::{Readiness, Roles, RolesError, TUN_SOCKET, socket_path};

pub use table::{Capabilities, Service, service};

/// What `master` is told by the command line and the configuration file.
#[derive(Debug, Clone)]
pub struct Config {
    /// Directory of the sockets.
    pub run_dir: PathBuf,
    /// Directory under which each service has its own.
    pub state_dir: PathBuf,
    /// Passed on to the services as `--config`; the file need not exist.
    pub config_path: PathBuf,
}

/// Why the supervisor could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It must be root to drop rights.
    #[error("the supervisor must be started as root; use `systemctl start tornado` or sudo")]
    NotRoot,
    /// A Unix user is missing.
    #[error("there is no Unix user '{0}'; install the file sysusers.d/tornado.conf and run `systemd-sysusers`")]
    NoUser(&'static str),
    /// A service's Unix user has every right.
    #[error(
        "the Unix user '{0}' is root, and a service would run as root; rename that account and run `systemd-sysusers`"
    )]
    UserIsRoot(&'static str),
    /// The user database cannot be read.
    #[error(transparent)]
    Roles(#[from] RolesError),
    /// Another supervisor uses the directory.
    #[error("another supervisor already runs with {0}; see `tornadod status`")]
    AlreadyRunning(PathBuf),
    /// A directory or file cannot be prepared.
    #[error("cannot prepare {path}: {source}{}", cure(.path, .source))]
    Prepare {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The own socket cannot be opened.
    #[error(transparent)]
    Socket(#[from] SocketError),
}

/// What helps, where that is known.
fn cure(path: &std::path::Path, why: &std::io::Error) -> String {
    if why.kind() != std::io::ErrorKind::ReadOnlyFilesystem {
        return String::new();
    }
    format!("; {}", tornado_runtime::ground::cure_read_only(path))
}

/// Supervises until `shutdown` is cancelled, then stops every service in order.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), Error> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Error::NotRoot);
    }
    let accounts = spawn::accounts()?;
    spawn::prepare_directories(&config, &accounts)?;
    let _lock = record::lock(&config.run_dir)?;
    let roles = Roles::from_system()?;
    let path = socket_path(&config.run_dir, master::SOCKET);
    let socket = listen(&path)?;

    let tun_path = socket_path(&config.run_dir, TUN_SOCKET);
    let tun = tun::TunSocket::open(tun_path, accounts[&ServiceName::Wg])?;

    let (setter, readiness) = Readiness::new("services are starting");
    let (supervisor, handle) = supervisor::Supervisor::new(config.clone(), accounts, setter)?;
    let router = master::router(std::sync::Arc::new(handle)).merge(readiness.router());
    let server =
        SocketServer::new(socket, roles, router).map_err(|source| Error::Prepare { path: path.clone(), source })?;
    let socket_end = CancellationToken::new();
    let serving = tokio::spawn(server.serve(socket_end.clone()));
    let passing = tokio::spawn(tun.serve(socket_end.clone()));
    supervisor.run(shutdown).await;
    socket_end.cancel();
    for (what, task) in [("control", serving), ("tun", passing)] {
        if let Err(error) = task.await {
            tracing::error!(%error, socket = what, "a task panicked");
        }
    }
    drop(std::fs::remove_file(path));
    Ok(())
}
