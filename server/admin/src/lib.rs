//! The administration console. Currently only the page of the set-up link, which creates the first operator and shows
//! the first invitation. Rendered on the server, without scripts.

#![forbid(unsafe_code)]

mod config;
mod guard;
mod html;
mod listener;
mod metrics;
mod qr;
mod setup;

use std::net::SocketAddr;
use std::sync::Arc;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::AuthClient;
use tornado_contracts::auth::operators::OperatorsClient;
use tornado_contracts::telemetry::metrics::MetricsClient;
use tornado_runtime::{Context, ContextError, Readiness, Running, TaskError, Tasks};

pub use config::{Config, NotHash, TokenHash};
pub use setup::router;

/// The console cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service's own Unix socket failed.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// A task ended early.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The TCP address is not available.
    #[error("cannot listen on {address}: {source}; check with `ss -ltnp` whether another program uses the port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
}

/// Serves the console until `context.shutdown` is cancelled.
///
/// # Errors
/// A socket cannot be opened.
pub fn run(context: Context, config: Config) -> Running<Error> {
    Box::pin(run_unboxed(context, config))
}

async fn run_unboxed(context: Context, config: Config) -> Result<(), Error> {
    let (setter, readiness) = Readiness::new("starting");
    let socket = context.server(axum::Router::new(), readiness)?;
    let address = config.listen;
    let listener = tokio::net::TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })?;
    let auth = Arc::new(AuthClient::new(context.channel(ServiceName::Auth)));
    let operators = Arc::new(OperatorsClient::new(context.channel(ServiceName::Auth)));
    let telemetry = Arc::new(MetricsClient::new(context.channel(ServiceName::Telemetry)));
    let metrics = metrics::router(telemetry, config.clone());
    let mut tasks = Tasks::new(&context.shutdown);
    let stop = tasks.stop().clone();
    tasks.spawn("console", listener::serve(listener, router(auth, operators, config).merge(metrics), stop.clone()));
    tasks.spawn("socket", socket.serve(stop));
    setter.ready();
    Ok(tasks.run().await?)
}
