//! The devices' API on port 4605: TLS, limits, the original's routes and ours. Holds no secret but its
//! TLS key and no state that matters.

mod api;
mod config;
mod error;
mod extract;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod limits;
mod listener;
mod openapi;
mod routes;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;
use tornado_mesh::auth::users::UsersClient;
use tornado_mesh::auth::{AttestTls, Auth, AuthClient};
use tornado_mesh::session::SessionsClient;
use tornado_mesh::wg::WgClient;
use tornado_mesh::{Context, ContextError, Readiness, ReadySetter};

pub use api::{Api, router};
pub use config::Config;
pub use listener::{Edge, bind};
pub use tls::{Tls, load as load_tls};

/// Why the device API could not be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The own Unix socket.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// A TCP address cannot be had.
    #[error("cannot listen on {address}: {source}; is another program there? (see `ss -ltnp`)")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Only one of the two files is configured.
    #[error("[client_api] needs both 'certificate' and 'key', or neither")]
    HalfCertificate,
    /// The certificate or its key cannot be used.
    #[error("the certificate {path} cannot be used: {why}")]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A file cannot be read or written.
    #[error("cannot use {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Serves the device API until `context.shutdown` is cancelled.
pub async fn run(context: Context, config: Config) -> Result<(), Error> {
    let (setter, readiness) = Readiness::new("the certificate is not attested yet");
    let socket = context.server(axum::Router::new(), readiness)?;
    let tls = tls::load(&config, &context.state_dir)?;
    let listeners = config.listen.iter().map(|address| bind(*address)).collect::<Result<Vec<_>, _>>()?;
    let auth = Arc::new(AuthClient::new(context.channel("auth")));
    let users = Arc::new(UsersClient::new(context.channel("auth")));
    let sessions = Arc::new(SessionsClient::new(context.channel("session")));
    let wg = Arc::new(WgClient::new(context.channel("wg")));
    let edge = Edge::new(&tls, router(Api::new(auth.clone(), users, sessions, wg, &config)), &config);

    let tasks = TaskTracker::new();
    for listener in listeners {
        tasks.spawn(edge.clone().serve(listener, context.shutdown.clone()));
    }
    let shutdown = context.shutdown.clone();
    tasks.spawn(async move { shutdown.run_until_cancelled(attest(&*auth, tls.spki_sha256, setter)).await });
    tasks.close();
    socket.serve(context.shutdown.clone()).await;
    tasks.wait().await;
    Ok(())
}

/// Has the identity vouch for our key. Without it no invitation could be pinned, so it is tried until it works.
async fn attest(auth: &dyn Auth, spki_sha256: String, ready: ReadySetter) {
    let mut pause = Duration::from_millis(100);
    while let Err(error) = auth.attest_tls(AttestTls { spki_sha256: spki_sha256.clone() }).await {
        tracing::warn!(%error, "the certificate could not be attested; trying again");
        ready.not_ready(format!("the certificate is not attested yet: {error}"));
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
    ready.ready();
}
