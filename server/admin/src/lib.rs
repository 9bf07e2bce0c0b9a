//! The administration console: its pages, the admin API (`api`, over HTTP in `http`), and the page of the set-up
//! link for builds without the pages, which creates the first operator and shows the first invitation.

#![forbid(unsafe_code)]

mod api;
mod client;
mod config;
mod events;
mod guard;
mod html;
mod http;
mod listener;
mod metrics;
mod server;
mod setup;

use std::net::SocketAddr;
use std::sync::Arc;
use tornado_contracts::ServiceName;
#[cfg(not(feature = "console"))]
use tornado_contracts::auth::{AuthClient, operators::OperatorsClient};
use tornado_contracts::telemetry::metrics::MetricsClient;
use tornado_contracts::tor::TorClient;
use tornado_runtime::clock::wall_clock;
use tornado_runtime::tls::{self, TlsError};
use tornado_runtime::{Context, ContextError, Readiness, Running, TaskError, Tasks};

pub use api::{Services, Signed};
pub use client::{Network, NotNetwork};
pub use config::{Config, ConsoleTls, NotHash, TlsFiles, TlsWord, TokenHash};
pub use events::Hub;
pub use http::router as api_router;
pub use server::Server;
pub use setup::router;
pub use tornado_admin_api::types::{SettingOrigin, SettingView};

/// The console cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service's own Unix socket failed.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// A task ended early.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
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

/// Serves the console until `context.shutdown` is cancelled. Without the feature `console`, the API and the page of the
/// set-up link are served.
///
/// # Errors
/// A socket cannot be opened, or the certificate cannot be used.
pub fn run(context: Context, config: Config, server: Server) -> Running<Error> {
    Box::pin(run_unboxed(context, config, server))
}

async fn run_unboxed(context: Context, config: Config, server: Server) -> Result<(), Error> {
    let (setter, readiness) = Readiness::new("starting");
    let socket = context.server(axum::Router::new(), readiness)?;
    let address = config.listen;
    let source = config.tls_source(&context.state_dir);
    let is_verifiable = config.tls.is_verifiable();
    let tls = source.as_ref().map(|source| tls::load(source, wall_clock())).transpose()?;
    let listener = tokio::net::TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })?;
    let telemetry = Arc::new(MetricsClient::new(context.channel(ServiceName::Telemetry)));
    let metrics = metrics::router(telemetry, config.clone());
    let services = Arc::new(Services::of(&context, server));
    let hub = Arc::new(Hub::new(rand::random()));
    let http = http::Http::new(services.clone(), hub.clone(), config);
    let admissions = http.admissions();
    let api = http::router_of(http.clone());
    let mut tasks = Tasks::new(&context.shutdown);
    let stop = tasks.stop().clone();
    if let (Some(tls), Some(source)) = (tls.clone(), source) {
        tasks.spawn("certificate", listener::renew(tls, source, wall_clock, stop.clone()));
    }
    let pages = pages(&context, http, &mut tasks);
    let routes = pages.merge(metrics).merge(api);
    let routes = if is_verifiable { http::strict_transport(routes) } else { routes };
    tasks.spawn("console", listener::serve(listener, routes, tls, admissions, stop.clone()));
    tasks.spawn("services", events::follow_services(hub.clone(), services.clone(), stop.clone()));
    tasks.spawn("numbers", events::follow_numbers(hub.clone(), services.clone(), stop.clone()));
    tasks.spawn("sessions", events::follow_sessions(hub.clone(), services, stop.clone()));
    tasks.spawn("tor", events::follow_tor(hub, TorClient::new(context.channel(ServiceName::Tor)), stop.clone()));
    tasks.spawn("socket", socket.serve(stop));
    setter.ready();
    Ok(tasks.run().await?)
}

#[cfg(feature = "console")]
fn pages(_: &Context, http: http::Http, tasks: &mut Tasks) -> axum::Router {
    let console = Arc::new(tornado_console::Console::new(tornado_runtime::clock::Clock::system()));
    let stop = tasks.stop().clone();
    tasks.spawn("memory", http::tidy_console(console.clone(), stop));
    http::console_router(http, console).merge(setup::health_router())
}

#[cfg(not(feature = "console"))]
fn pages(context: &Context, http: http::Http, _: &mut Tasks) -> axum::Router {
    let auth = Arc::new(AuthClient::new(context.channel(ServiceName::Auth)));
    let operators = Arc::new(OperatorsClient::new(context.channel(ServiceName::Auth)));
    router(auth, operators, http.config())
}
