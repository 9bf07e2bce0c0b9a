//! Service `session`: sessions, address leases, lifecycle timers, accounting and live events.
//!
//! Decisions are pure (`machine`). Durable state is in `tornado-store`, volatile state in `tornado-live`. The lanes
//! receive the desired peers and are compared with them regularly. The next comparison therefore repairs whatever a
//! crash between two steps leaves behind.
//!
//! A module uses only modules below it:
//!
//! | modules | content |
//! |---|---|
//! | `api`, `operators`, `metrics`, `service` | the contracts' methods; published metrics; tasks |
//! | `lifecycle` | connect, heartbeat, close, sweep, restore |
//! | `tor` | circuits, view of the tor lane, reports of the exit countries |
//! | `core` | composition: what the use cases share |
//! | `access`, `accounting`, `lanes`, `live` | callers; usage, marks, quotas; calls to `wg`; live store and events |
//! | `countries` | exit countries in use |
//! | `registry` | live sessions in memory, and their locks |
//! | `machine`, `limit`, `clock`, `counters`, `config`, `error` | pure or plain |

#![forbid(unsafe_code)]

mod access;
mod accounting;
mod api;
mod clock;
mod config;
mod core;
mod counters;
mod countries;
mod engines;
mod error;
mod lanes;
mod lifecycle;
mod limit;
mod live;
mod machine;
mod metrics;
mod operators;
mod registry;
mod service;
mod tor;

#[cfg(test)]
mod tests;

pub use config::{Config, ConfigError};

use crate::core::Parts;
use lifecycle::sweep;
use service::Service;
use std::sync::Arc;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::AuthClient;
use tornado_contracts::tor::TorClient;
use tornado_contracts::wg::WgClient;
use tornado_live::{LiveStore, MemoryStore, RedisLogin, RedisStore};
use tornado_runtime::clock::Clock;
use tornado_runtime::operators::OperatorRights;
use tornado_runtime::{Context, ContextError, Readiness, Running, TaskError, Tasks};
use tornado_shared::model::LanePools;
use tornado_store::sessions::SqlSessions;
use tornado_store::{PostgresLogin, StoreError};

/// Name of the database file in the service's state directory.
const DATABASE: &str = "session.db";

/// Databases of profile `cluster`.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Durable state.
    pub store: PostgresLogin,
    /// Live state.
    pub live: RedisLogin,
}

/// What the server binary passes on from other tables.
#[derive(Debug, Clone, Default)]
pub struct Wiring {
    /// Address pools of both lanes.
    pub pools: LanePools,
    /// Databases of profile `cluster`; `None`: a file and memory.
    pub cluster: Option<Cluster>,
}

/// Why the service could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Invalid configuration.
    #[error("invalid configuration: {0}")]
    Config(#[from] ConfigError),
    /// The database cannot be opened or read.
    #[error("cannot use the session database: {0}")]
    Store(#[from] StoreError),
    /// The socket cannot be created or served.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// A task ended before shutdown or panicked.
    #[error(transparent)]
    Task(#[from] TaskError),
}

/// Serves until `context.shutdown` is cancelled.
///
/// The service is ready when the database is open and all live sessions are in memory. It does not need other services
/// for that: `wg` becomes ready only after this service has sent the peers, and heartbeats must work while `auth` is
/// down.
///
/// # Errors
/// When the configuration is invalid, when database or socket cannot be used, or when a task ends early.
pub fn run(context: Context, config: Config, wiring: Wiring) -> Running<Error> {
    Box::pin(run_unboxed(context, config, wiring))
}

async fn run_unboxed(context: Context, config: Config, wiring: Wiring) -> Result<(), Error> {
    config.validate()?;
    let (store, live): (_, Arc<dyn LiveStore>) = match wiring.cluster {
        Some(cluster) => {
            let store = SqlSessions::open_postgres(&cluster.store).await?;
            (store, Arc::new(RedisStore::new(cluster.live)))
        }
        None => {
            let store = SqlSessions::open_sqlite(&context.state_dir.join(DATABASE)).await?;
            (store, Arc::new(MemoryStore::default()))
        }
    };
    let engines = engines::watch(&store, live.clone());
    let parts = Parts {
        pools: wiring.pools,
        store: store.clone().with_deadline(),
        live,
        auth: Arc::new(AuthClient::new(context.channel(ServiceName::Auth))),
        wg: Arc::new(WgClient::new(context.channel(ServiceName::Wg))),
        tor: Arc::new(TorClient::new(context.channel(ServiceName::Tor))),
        clock: Clock::system(),
    };
    let service = Service::restore(config, parts).await?;
    metrics::publish(&context.metrics, &service);
    engines.publish(&context.metrics);
    let (ready, readiness) = Readiness::new("sessions are being restored");
    let recent = Arc::new(operators::Recent::new(tornado_runtime::clock::unix_now()));
    let rights = OperatorRights::new(context.channel(ServiceName::Auth));
    let router = api::router(&service, context.shutdown.clone())
        .merge(operators::router(&service, recent.clone(), rights))
        .merge(engines.router());
    let server = context.server(router, readiness)?;
    ready.ready();
    let mut tasks = Tasks::new(&context.shutdown);
    let stop = tasks.stop().clone();
    service.spawn(&mut tasks);
    tasks.spawn("events", recent.follow(service.clone(), stop.clone()));
    tasks.spawn("engines", engines.run(stop.clone()));
    tasks.spawn("socket", server.serve(stop.clone()));
    let ended = tasks.run().await;
    sweep::checkpoint(&service.core).await;
    store.shut().await;
    Ok(ended?)
}
