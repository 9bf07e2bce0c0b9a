//! The admin API over HTTP: `/api/v1`, JSON, problem+json.

mod answer;
mod credentials;
mod entry;
mod frame;
mod limits;
mod openapi;
mod routes;
mod streams;

pub use routes::router;

use crate::api::Services;
use crate::config::Config;
use crate::events::Hub;
use limits::Limits;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What every route uses.
#[derive(Clone)]
pub struct Http {
    services: Arc<Services>,
    config: Arc<Config>,
    limits: Arc<Limits>,
    hub: Arc<Hub>,
    streams: Arc<Semaphore>,
}
