//! The privileged helper. It stores the login, maintains the session and controls the tunnel.

mod account;
mod again;
mod asked;
mod calls;
mod engine;
mod export;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod keeper;
mod lanes;
mod listen;
mod lookup;
mod network;
mod own;
mod publish;
mod pulse;
mod reach;
mod schedule;
mod session;
mod store;
mod tor;
mod wish;

use engine::{Engine, Found};
use network::Changes;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
pub use store::{Store, StoreError};
use tokio_util::sync::CancellationToken;
use tornado_helper_api::Access;
use tornado_rpc::Socket;
use tornado_tunnel::Tunnel;
use tornado_tunnel::os::Os;
use tornado_tunnel::state::Phase;

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
}

/// Reasons for which the helper cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket cannot be created or bound.
    #[error("cannot listen on {path}: {source}{}", listen_cure(.source))]
    Socket {
        /// Path of the socket.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

fn listen_cure(why: &std::io::Error) -> String {
    match store::cure(why, "--socket") {
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
pub fn forget_wish(state_dir: &Path) -> Result<(), StoreError> {
    Store::new(state_dir.to_owned()).forget_wanted()
}

/// Maximum time for which callers wait for the firewall at the start, so that their first status is that of the kernel.
const FIRST_HOLD: Duration = Duration::from_secs(5);

/// Waits until traffic is blocked, or until blocking failed.
async fn first_hold(engine: &Engine) {
    let mut views = engine.tunnel.watch();
    let settled = views.wait_for(|view| view.lockdown || view.phase != Phase::Blocked);
    if let Ok(Ok(view)) = tokio::time::timeout(FIRST_HOLD, settled).await {
        engine.publish.tunnel(&view);
    }
}

/// Serves until `shutdown`, then disconnects the tunnel and closes the session on the server. The desired state stays
/// stored: the next start blocks traffic until the tunnel is up again.
pub async fn run(socket: Socket, config: Config, os: Box<dyn Os>, shutdown: CancellationToken) {
    let found = Found::read(Store::new(config.state_dir.clone()));
    let holds_back = found.hold.is_some();
    let (tunnel, task) = Tunnel::start(os, found.hold.clone());
    let changes = Changes::new();
    let watch = tokio::spawn(network::watch(changes.clone(), tunnel.watch(), shutdown.clone()));
    let engine = Engine::start(found, tunnel, changes, (config.resolv_conf, config.state_dir));
    let listener_task = tokio::spawn(listen::run(Arc::downgrade(&engine), shutdown.clone()));
    let keeper = tokio::spawn(keeper::run(Arc::downgrade(&engine), shutdown.clone()));
    let mut access = Access::of(config.allow_uids);
    if let Some(group) = config.group {
        access = access.and_group(group);
    }
    if holds_back {
        shutdown.run_until_cancelled(first_hold(&engine)).await;
    }
    let status = engine.publish.watch();
    if let Err(error) = tornado_helper_api::serve(socket, access, engine.clone(), status, shutdown).await {
        tracing::error!(%error, "the socket server failed");
    }
    engine.stop().await;
    drop(engine);
    let _ = keeper.await;
    let _ = watch.await;
    let _ = listener_task.await;
    // The tunnel's task reverts its changes and ends when its last handle is dropped.
    if tokio::time::timeout(Duration::from_secs(10), task).await.is_err() {
        tracing::warn!("the tunnel was not removed in time; the next start removes what is left");
    }
    // Another process may have removed the socket.
    let _ = std::fs::remove_file(&config.socket);
}
