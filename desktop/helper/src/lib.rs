//! The privileged helper. It stores the login, maintains the session and controls the tunnel.

#![forbid(unsafe_code)]

mod account;
mod connection;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod network;
mod server;
mod service;
mod status;

pub use account::StoreError;
use account::{DesiredState, Store};
use network::Changes;
use service::{Engine, Found, Paths, events, maintenance};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tornado_helper_api::Access;
use tornado_rpc::Socket;
use tornado_shared::model::{LockdownMode, LockdownPolicy};
use tornado_tunnel::Tunnel;
use tornado_tunnel::os::Os;

/// Settings of the helper.
#[derive(Debug, Clone)]
pub struct Config {
    /// Path of the Unix socket.
    pub socket: PathBuf,
    /// Directory of the login and the desired state. It is created with mode 0700.
    pub state_dir: PathBuf,
    /// Users who may call the helper, besides root.
    pub allow_uids: BTreeSet<u32>,
    /// Group whose members may call the helper.
    pub group: Option<String>,
    /// The file that lists this machine's resolvers, resolv.conf(5).
    pub resolv_conf: PathBuf,
    /// The log file, whose end is part of reports.
    pub log_file: PathBuf,
}

/// Reasons for which the helper cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket cannot be created or bound.
    #[error("cannot listen on {path}: {source}{}", listen_advice(.source))]
    Socket {
        /// Path of the socket.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

fn listen_advice(why: &std::io::Error) -> String {
    match account::advice(why, "--socket") {
        unknown if unknown.is_empty() => {
            "; check that no other helper is running and that this process is root".to_owned()
        }
        known => known,
    }
}

/// Binds the socket. Call this before any other change to the machine, because it fails while another helper runs.
///
/// # Errors
/// If the socket's directory cannot be created, or the socket cannot be bound.
pub fn listen(config: &Config) -> Result<Socket, Error> {
    let fail = |source| Error::Socket { path: config.socket.clone(), source };
    if let Some(directory) = config.socket.parent() {
        std::fs::create_dir_all(directory).map_err(fail)?;
    }
    tornado_rpc::listen_alone(&config.socket).map_err(|error| fail(error.into_source()))
}

/// Removes the stored desired state, so that the next start does not activate lockdown.
///
/// # Errors
/// If the file cannot be removed.
pub fn clear_desired_state(state_dir: &Path) -> Result<(), StoreError> {
    DesiredState::new(Store::new(state_dir.to_owned()), None).clear()
}

/// Returns whether traffic must be blocked before the helper runs: the user chose the mode `always`, or a tunnel was
/// desired when the machine went down, or that cannot be read.
#[must_use]
pub fn blocks_at_boot(state_dir: &Path) -> bool {
    account::blocks_at_boot(&Store::new(state_dir.to_owned()))
}

/// Stores that lockdown is off. Nothing that is stored need be readable.
///
/// # Errors
/// If the file cannot be replaced.
pub fn store_lockdown_off(state_dir: &Path) -> Result<(), StoreError> {
    let store = Store::new(state_dir.to_owned());
    let found = account::load_policy(&store);
    let choices = if found.unreadable.is_some() { LockdownPolicy::default() } else { found.policy };
    account::store_policy(&store, &LockdownPolicy { mode: LockdownMode::Off, ..choices })
}

/// Serves until `shutdown`, then disconnects the tunnel and closes the session on the server. The desired state stays
/// stored: the next start blocks traffic until the tunnel is up again. With the mode `always`, traffic stays blocked.
pub async fn run(socket: Socket, config: Config, os: Box<dyn Os>, shutdown: CancellationToken) {
    let found = Found::read(Store::new(config.state_dir.clone()));
    let is_lockdown = found.blocks();
    let (tunnel, task) = Tunnel::start_under(found.policy(), os, found.lockdown.clone());
    let changes = Changes::new();
    let watch = tokio::spawn(network::watch(changes.clone(), tunnel.watch(), shutdown.clone()));
    let Config { resolv_conf, state_dir, log_file, .. } = config.clone();
    let paths = Paths { resolv_conf, state_dir, log_file };
    let engine = Engine::start(found, tunnel, changes, paths);
    let events = tokio::spawn(events::run(Arc::downgrade(&engine), shutdown.clone()));
    let maintenance = tokio::spawn(maintenance::run(Arc::downgrade(&engine), shutdown.clone()));
    let mut access = Access::of(config.allow_uids);
    if let Some(group) = config.group {
        access = access.and_group(group);
    }
    if is_lockdown {
        shutdown.run_until_cancelled(engine.wait_for_lockdown()).await;
    }
    let status = engine.status_changes();
    if let Err(error) = tornado_helper_api::serve(socket, access, engine.clone(), status, shutdown).await {
        tracing::error!(%error, "the socket server failed");
    }
    engine.stop().await;
    drop(engine);
    let _ = maintenance.await;
    let _ = watch.await;
    let _ = events.await;
    // The tunnel's task reverts its changes and ends when its last handle is dropped.
    if tokio::time::timeout(Duration::from_secs(10), task).await.is_err() {
        tracing::warn!("the tunnel was not removed in time; the next start removes what is left");
    }
    // Another process may have removed the socket.
    let _ = std::fs::remove_file(&config.socket);
}
