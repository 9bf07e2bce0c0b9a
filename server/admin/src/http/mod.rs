//! The admin API over HTTP: `/api/v1`, JSON, problem+json.

mod answer;
mod body;
#[cfg(feature = "console")]
mod console;
mod credentials;
mod entry;
mod frame;
mod limits;
mod openapi;
mod repeats;
mod routes;
mod streams;

#[cfg(feature = "console")]
pub use console::{router as console_router, tidy as tidy_console};
pub use frame::strict_transport;
pub use routes::{router, router_of};

use crate::api::Services;
use crate::config::Config;
use crate::events::Hub;
use crate::listener::Admissions;
use limits::{Limits, Places};
use repeats::Repeats;
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// What every route uses.
#[derive(Clone)]
pub struct Http {
    services: Arc<Services>,
    config: Arc<Config>,
    limits: Arc<Limits>,
    hub: Arc<Hub>,
    streams: Arc<Places>,
    backups: Arc<Places>,
    repeats: Arc<Repeats>,
    admissions: Arc<Admissions>,
    /// Requests with an idempotency key. They continue when their client has gone.
    running: TaskTracker,
}

/// Maximum number of live tails, streams of metrics and exports at the same time, in total and of one operator. Each of
/// them calls `telemetry`.
const STREAMS: (usize, usize) = (64, 4);
/// Maximum number of downloads of backups. Streams of others do not use up these places.
const BACKUPS: (usize, usize) = (8, 2);

impl Http {
    /// Counts nothing yet.
    pub fn new(services: Arc<Services>, hub: Arc<Hub>, config: Config) -> Self {
        Self {
            services,
            limits: Arc::default(),
            hub,
            streams: Arc::new(Places::new(STREAMS.0, STREAMS.1)),
            backups: Arc::new(Places::new(BACKUPS.0, BACKUPS.1)),
            repeats: Arc::new(Repeats::new(rand::random())),
            admissions: Arc::new(Admissions::new(&config.trusted_proxies)),
            running: TaskTracker::new(),
            config: Arc::new(config),
        }
    }

    /// The places of the listener that serves these routes.
    pub fn admissions(&self) -> Arc<Admissions> {
        self.admissions.clone()
    }

    /// The configuration.
    #[cfg(not(feature = "console"))]
    pub fn config(&self) -> Config {
        (*self.config).clone()
    }
}
