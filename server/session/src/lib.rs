//! Service `session`: sessions, address leases, lifecycle timers, accounting, live events.
//!
//! What decides is pure ([`machine`]); durable truth is in `tornado-store`, what may be lost in `tornado-live`.
//! The lanes are told what should be, and compared with it again and again: a crash between any two steps
//! leaves nothing that the next look does not find.

mod allowance;
mod api;
mod calendar;
mod close;
mod config;
mod connect;
mod engine;
mod entry;
mod events;
mod exit;
mod fault;
mod heartbeat;
mod identity;
mod keys;
mod lanes;
mod locks;
pub mod machine;
mod marks;
mod pace;
mod parts;
mod quota;
mod registry;
mod service;
mod sweep;
mod tor_view;
mod tor_watch;
mod treatment;
mod usage;
mod watch;

#[cfg(test)]
mod tests;

pub use config::{Config, ConfigError};

use service::{Parts, Service};
use std::sync::Arc;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::AuthClient;
use tornado_contracts::tor::TorClient;
use tornado_contracts::wg::WgClient;
use tornado_live::{LiveStore, MemoryStore, RedisLogin, RedisStore};
use tornado_runtime::{Context, ContextError, Readiness, TaskError, Tasks};
use tornado_store::sessions::{Deadlined, SqlSessions};
use tornado_store::{PostgresLogin, StoreError};

/// Name of the database file in the service's own directory.
const DATABASE: &str = "session.db";

/// The databases of the profile `cluster`.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Durable state.
    pub store: PostgresLogin,
    /// Live state.
    pub live: RedisLogin,
}

/// Why the service could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration.
    #[error("the configuration cannot work: {0}")]
    Config(#[from] ConfigError),
    /// The database.
    #[error("the session database cannot be used: {0}")]
    Store(#[from] StoreError),
    /// The socket.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// A task ended early.
    #[error(transparent)]
    Task(#[from] TaskError),
}

/// Serves until `context.shutdown` is cancelled.
///
/// Ready means: the database is open and every live session is back in memory. The other services are
/// not needed for that: `wg` is not ready before this service has told it the peers, and heartbeats must be
/// heard while `auth` is away.
pub async fn run(context: Context, config: Config, cluster: Option<Cluster>) -> Result<(), Error> {
    config.validate()?;
    let (store, live): (_, Arc<dyn LiveStore>) = match cluster {
        Some(cluster) => {
            let store = SqlSessions::open_postgres(&cluster.store).await?;
            (store, Arc::new(RedisStore::new(cluster.live)))
        }
        None => {
            let store = SqlSessions::open_sqlite(&context.state_dir.join(DATABASE)).await?;
            (store, Arc::new(MemoryStore::default()))
        }
    };
    let engines = engine::watch(&store, live.clone());
    let parts = Parts {
        store: Arc::new(Deadlined::new(store.clone())),
        live,
        auth: Arc::new(AuthClient::new(context.channel(ServiceName::Auth))),
        wg: Arc::new(WgClient::new(context.channel(ServiceName::Wg))),
        tor: Arc::new(TorClient::new(context.channel(ServiceName::Tor))),
        clock: Arc::new(tornado_runtime::clock::unix_now),
    };
    let service = Service::restore(config, parts).await?;
    let (ready, readiness) = Readiness::new("sessions are being restored");
    let router = events::router(&service, context.shutdown.clone()).merge(engines.router());
    let server = context.server(router, readiness)?;
    ready.ready();
    let mut tasks = Tasks::new(&context.shutdown);
    let stop = tasks.stop().clone();
    tasks.spawn("lanes", watch::run(service.clone(), stop.clone()));
    tasks.spawn("tor", tor_watch::run(service.clone(), stop.clone()));
    tasks.spawn("keys", keys::learn(service.clone(), stop.clone()));
    tasks.spawn("sweep", sweep::run(service.clone(), stop.clone()));
    tasks.spawn("engines", engines.run(stop.clone()));
    tasks.spawn("socket", server.serve(stop.clone()));
    let ended = tasks.run().await;
    service.checkpoint().await;
    store.shut().await;
    Ok(ended?)
}
