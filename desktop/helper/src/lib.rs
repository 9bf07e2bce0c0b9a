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
use server::OwnResolvers;
use service::{Engine, Found, events, maintenance};
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
    /// Path of the Unix socket, on Windows name of the pipe.
    pub socket: PathBuf,
    /// Directory of the login and the desired state. It is created for this process's user only.
    pub state_dir: PathBuf,
    /// Users who may call the helper, besides root.
    #[cfg(unix)]
    pub allow_uids: BTreeSet<u32>,
    /// Group whose members may call the helper.
    #[cfg(unix)]
    pub group: Option<String>,
    /// The file that lists this machine's resolvers, resolv.conf(5).
    #[cfg(unix)]
    pub resolv_conf: PathBuf,
    /// Users who may call the helper, besides administrators.
    #[cfg(windows)]
    pub allow_sids: BTreeSet<tornado_windows::Sid>,
}

impl Config {
    /// The users who may call the helper.
    fn access(&self) -> Access {
        #[cfg(unix)]
        {
            let access = Access::of(self.allow_uids.iter().copied());
            match &self.group {
                Some(group) => access.and_group(group),
                None => access,
            }
        }
        #[cfg(windows)]
        Access::of(self.allow_sids.iter().copied())
    }

    fn own_resolvers(&self) -> OwnResolvers {
        #[cfg(unix)]
        {
            let (resolv_conf, state_dir) = (self.resolv_conf.clone(), self.state_dir.clone());
            Box::new(move || tornado_tunnel::os::linux::own_resolvers(&resolv_conf, &state_dir))
        }
        #[cfg(windows)]
        Box::new(tornado_tunnel::os::windows::own_resolvers)
    }
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
            let user = if cfg!(windows) { "LocalSystem" } else { "root" };
            format!("; check that no other helper is running and that this process is {user}")
        }
        known => known,
    }
}

/// Opens the socket. Call this before any other change to the machine, because it fails while another helper runs.
///
/// # Errors
/// If the socket's directory cannot be created, or the socket cannot be bound.
pub fn listen(config: &Config) -> Result<Socket, Error> {
    let fail = |source| Error::Socket { path: config.socket.clone(), source };
    #[cfg(unix)]
    if let Some(directory) = config.socket.parent() {
        std::fs::create_dir_all(directory).map_err(fail)?;
    }
    config.access().listen(&config.socket).map_err(|error| fail(error.into_source()))
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
    let engine = Engine::start(found, tunnel, changes, config.own_resolvers());
    let events = tokio::spawn(events::run(Arc::downgrade(&engine), shutdown.clone()));
    let maintenance = tokio::spawn(maintenance::run(Arc::downgrade(&engine), shutdown.clone()));
    if is_lockdown {
        shutdown.run_until_cancelled(engine.wait_for_lockdown()).await;
    }
    let status = engine.status_changes();
    if let Err(error) = tornado_helper_api::serve(socket, config.access(), engine.clone(), status, shutdown).await {
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
    #[cfg(unix)]
    let _ = std::fs::remove_file(&config.socket);
}
