//! Service `auth`: authenticates users, devices and operators. It alone reads the key directory.
//!
//! `service` authorises the caller of each contract method and calls the use case of its name, a function over `core`:
//! - `login` opens envelopes of logins and enrolments; `tokens` refreshes, checks and ends logins; `closing` ends the
//!   sessions of ended logins
//! - `users`, `operators` and `server` hold accounts and devices, operators and their sign-ins, the server's statement
//!   and invitations
//! - [`guard`] limits guessing, [`password`] hashes, `factor` checks second factors, `access` has the authorisation
//!   table, `trail` the audit trail, [`keys`] the key directory and `keyring` its rotation
//!
//! Pure parts take time as an argument (counters of [`guard`], policy of [`password`], plans of [`keys`]).

#![forbid(unsafe_code)]

mod access;
mod actor;
mod closing;
mod code;
mod config;
mod core;
mod counters;
mod engine;
mod error;
mod factor;
mod fault;
pub mod guard;
mod keyring;
pub mod keys;
mod login;
mod metrics;
mod operators;
mod passkeys;
pub mod password;
mod server;
mod service;
mod tokens;
mod trail;
mod users;

pub use config::{Address, Argon2Cost, Config, ConfigError};
pub use error::Error;
pub use keys::Restored;
pub use service::Service;

use keys::Keys;
use keys::rotation::Schedule;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tornado_contracts::ServiceName;
use tornado_contracts::session::SessionsClient;
use tornado_runtime::clock::Clock;
use tornado_runtime::{Context, Readiness, Running, Tasks};
use tornado_store::PostgresLogin;
use tornado_store::identity::SqlIdentityStore;

/// Database file in the state directory.
const DATABASE: &str = "identity.db";
/// Key directory in the state directory.
const KEYS: &str = "keys";
/// Interval of retries for sessions that may have outlived their logins.
const RETRY: Duration = Duration::from_secs(5);
/// Interval of key rotation checks, deletion of expired rows and comparison of sessions with logins.
const UPKEEP: Duration = Duration::from_secs(3600);

/// What the server binary passes on from other tables.
#[derive(Debug, Clone, Default)]
pub struct Wiring {
    /// Address for invitation links.
    pub address: Address,
    /// The PostgreSQL database of profile `cluster`; `None`: a file.
    pub cluster: Option<PostgresLogin>,
}

/// Serves until `context.shutdown` is cancelled. Never overwrites a key file or the database.
///
/// # Errors
/// A setting is invalid, a key file or the database is missing, damaged or accessible to other users, or the socket
/// cannot be served.
pub fn run(context: Context, config: Config, wiring: Wiring) -> Running<Error> {
    Box::pin(run_unboxed(context, config, wiring))
}

async fn run_unboxed(context: Context, config: Config, wiring: Wiring) -> Result<(), Error> {
    config.validate()?;
    let clock = Clock::system();
    let store = match wiring.cluster {
        Some(login) => SqlIdentityStore::open_postgres(&login).await?,
        None => open_store(&context).await?,
    };
    let keys = open_keys(&context, &config, &store, &clock).await?;
    let sessions = Arc::new(SessionsClient::new(context.channel(ServiceName::Session)));
    let service = Arc::new(Service::new(config, wiring.address, store.clone(), sessions, keys, clock)?);
    let (ready, readiness) = Readiness::new("starting");
    let engines = engine::watch(&store);
    metrics::publish(&context.metrics, &service);
    engines.publish(&context.metrics);
    let router = tornado_contracts::auth::routers(service.clone()).merge(engines.router());
    let server = context.server(router, readiness)?;
    service.upkeep().await;
    ready.ready();
    let mut tasks = Tasks::new(&context.shutdown);
    let stop = tasks.stop().clone();
    tasks.spawn("upkeep", keep_up(service, stop.clone()));
    tasks.spawn("engines", engines.run(stop.clone()));
    tasks.spawn("socket", server.serve(stop));
    let ended = tasks.run().await;
    store.close().await;
    Ok(ended?)
}

/// The database is created before the keys, so keys without a database mean that the database was lost.
async fn open_store(context: &Context) -> Result<SqlIdentityStore, Error> {
    let path = context.state_dir.join(DATABASE);
    if keys::exist(&context.state_dir.join(KEYS))? && !path.exists() {
        return Err(Error::DatabaseLost(path));
    }
    Ok(SqlIdentityStore::open_sqlite(&path).await?)
}

/// Keys are created only for an empty database: a database in use without its keys means that the keys were lost.
async fn open_keys(context: &Context, config: &Config, store: &SqlIdentityStore, clock: &Clock) -> Result<Keys, Error> {
    let dir = context.state_dir.join(KEYS);
    if !keys::exist(&dir)? {
        if !store.is_pristine().await? {
            return Err(Error::KeysLost(dir));
        }
        keys::create(&dir, clock.now(), &Schedule::from(config))?;
    }
    Ok(Keys::open(&dir, clock.now(), &Schedule::from(config))?)
}

async fn keep_up(service: Arc<Service>, shutdown: CancellationToken) {
    let settle = || async {
        let _ = shutdown.run_until_cancelled(service.settle_sessions()).await;
    };
    on_schedule(&shutdown, settle, || service.upkeep()).await;
}

async fn on_schedule<S, T>(shutdown: &CancellationToken, settle: impl Fn() -> S, tidy: impl Fn() -> T)
where
    S: Future<Output = ()>,
    T: Future<Output = ()>,
{
    let (mut retry, mut upkeep) = (tornado_runtime::every(RETRY), tornado_runtime::every_after(UPKEEP));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = retry.tick() => settle().await,
            _ = upkeep.tick() => tidy().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tornado_endurance::sixty_days;

    #[tokio::test(start_paused = true)]
    async fn upkeep_runs_each_hour_and_once_after_a_pause() {
        let (settled, tidied) = (AtomicU32::new(0), AtomicU32::new(0));
        let count = |counter: &AtomicU32| {
            counter.fetch_add(1, Ordering::Relaxed);
            std::future::ready(())
        };
        let shutdown = CancellationToken::new();
        sixty_days(722, on_schedule(&shutdown, || count(&settled), || count(&tidied))).await;
        // Two hours and sixty leaps; the minutes between leaps are too short for more.
        let (settled, tidied) = (settled.into_inner(), tidied.into_inner());
        assert!((60..=62).contains(&tidied), "{tidied}");
        let regular = 2 * 720 + 60 * (1 + 12);
        assert!((regular - 130..=regular + 130).contains(&settled), "{settled}, expected about {regular}");
    }
}
