//! The supervisor: starts the services in dependency order, watches and restarts them, stops them in reverse order, and
//! gives each one only the rights that it needs.
//!
//! [`policy`] decides and never touches a process. [`process`] and [`supervisor`] touch processes and never decide.
//!
//! The services survive a `kill -9` of this process, so that packets keep flowing. The next `master` finds them through
//! its [`record`] and takes them over.

mod backups;
mod event;
mod metrics;
mod operators;
mod os_services;
mod policy;
mod process;
mod supervisor;
mod tun;

use process::{record, spawn};
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;
use tornado_contracts::{ServiceName, master};
use tornado_rpc::{SocketError, SocketServer, listen};
use tornado_runtime::metrics::Metrics;
use tornado_runtime::operators::OperatorRights;
use tornado_runtime::{Readiness, Roles, RolesError, Running, TUN_SOCKET, socket_path};

pub use os_services::{NotUnit, OsServices, Systemd, Units};
pub use policy::table::{Capabilities, Service, service};
pub use process::record::lock;

/// What the server binary passes on from the command line and the configuration file.
#[derive(Debug, Clone)]
pub struct Wiring {
    /// Directory of the sockets.
    pub run_dir: PathBuf,
    /// Parent of the services' state directories.
    pub state_dir: PathBuf,
    /// Passed to the services as `--config`; the file need not exist.
    pub config_path: PathBuf,
    /// Units of systemd that operators see.
    pub os_services: OsServices,
}

/// Why the supervisor could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process is not root and cannot change to the services' users.
    #[error("the supervisor must be started as root; use `systemctl start tornado` or sudo")]
    NotRoot,
    /// The Unix user of a service does not exist.
    #[error("Unix user '{0}' does not exist; install the file sysusers.d/tornado.conf and run `systemd-sysusers`")]
    NoUser(&'static str),
    /// The Unix user of a service has uid 0.
    #[error(
        "Unix user '{0}' has uid 0, so a service would run as root; rename that account and run `systemd-sysusers`"
    )]
    UserIsRoot(&'static str),
    /// The user database cannot be read.
    #[error(transparent)]
    Roles(#[from] RolesError),
    /// Another supervisor uses the run directory.
    #[error("another supervisor already runs with {0}; see `tornadod status`")]
    AlreadyRunning(PathBuf),
    /// A directory, file or socket cannot be prepared.
    #[error("cannot prepare {path}: {source}{}", cure(.path, .source))]
    Prepare {
        /// The path that failed.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The supervisor's own socket cannot be opened.
    #[error(transparent)]
    Socket(#[from] SocketError),
}

/// Creates the directories of the log files. Services work without them.
///
/// # Errors
/// When this process is not root, a Unix user does not exist, or a directory cannot be created or changed.
pub fn prepare_logs(log_dir: &std::path::Path) -> Result<(), Error> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Error::NotRoot);
    }
    spawn::prepare_logs(log_dir)
}

/// Advice for errors with a known remedy, starting with `; `; otherwise empty.
fn cure(path: &std::path::Path, why: &std::io::Error) -> String {
    if why.kind() != std::io::ErrorKind::ReadOnlyFilesystem {
        return String::new();
    }
    format!("; {}", tornado_runtime::ground::cure_read_only(path))
}

/// Supervises until `shutdown` is cancelled, then stops all services in order.
///
/// # Errors
/// When the supervisor cannot start; see [`Error`].
pub fn run(wiring: Wiring, shutdown: CancellationToken) -> Running<Error> {
    Box::pin(run_unboxed(wiring, shutdown))
}

async fn run_unboxed(wiring: Wiring, shutdown: CancellationToken) -> Result<(), Error> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Error::NotRoot);
    }
    let accounts = spawn::accounts()?;
    spawn::prepare_directories(&wiring, &accounts)?;
    let _lock = record::lock(&wiring.run_dir)?;
    let roles = Roles::from_system()?;
    let path = socket_path(&wiring.run_dir, master::SOCKET);
    let socket = listen(&path)?;

    let tun_path = socket_path(&wiring.run_dir, TUN_SOCKET);
    let tun = tun::TunSocket::open(tun_path, accounts[&ServiceName::Wg])?;

    let (setter, readiness) = Readiness::new("services are starting");
    let (supervisor, handle) = supervisor::Supervisor::new(wiring.clone(), accounts, setter)?;
    let published = Metrics::default();
    metrics::publish(&published, handle.status());
    let handle = std::sync::Arc::new(handle);
    let auth = socket_path(&wiring.run_dir, ServiceName::Auth.as_str());
    let rights = OperatorRights::new(tornado_rpc::Channel::new(auth));
    let backups = backups::Backups::new(&wiring.state_dir, &wiring.config_path);
    let units = Units::new(wiring.os_services.clone(), Systemd::default());
    let router = master::router(handle.clone())
        .merge(operators::router(handle, backups, units, rights))
        .merge(readiness.router())
        .merge(published.router());
    let server =
        SocketServer::new(socket, roles, router).map_err(|source| Error::Prepare { path: path.clone(), source })?;
    let server = server.with_observer(published.calls());
    let socket_end = CancellationToken::new();
    let serving = tokio::spawn(server.serve(socket_end.clone()));
    let passing = tokio::spawn(tun.serve(socket_end.clone()));
    supervisor.run(shutdown).await;
    socket_end.cancel();
    for (what, task) in [("control", serving), ("tun", passing)] {
        if let Err(error) = task.await {
            tracing::error!(%error, socket = what, "socket task panicked");
        }
    }
    drop(std::fs::remove_file(path));
    Ok(())
}
