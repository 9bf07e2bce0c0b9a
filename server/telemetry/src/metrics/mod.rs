//! Metrics: read each second from this host and from all services, kept as averages with extremes.
//!
//! ```text
//! /proc → host ─┐
//! services → collect ┴→ families (exposition) ─┬→ values → history, live readers
//!                                              └→ current → `scrape`, OTLP
//! ```

mod collect;
mod current;
pub mod exposition;
mod history;
mod host;
mod rollup;
mod values;

pub use collect::Collector;
pub use current::Current;
pub use exposition::Families;
pub use history::{History, HistoryError};
pub use host::HostSampler;

use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tornado_contracts::telemetry::metrics::Samples;
use tornado_log::line::Micros;

/// What is sampled.
pub struct Sources {
    /// This host.
    pub host: HostSampler,
    /// All services.
    pub services: Collector,
}

/// Samples each second until `stop` is cancelled.
pub async fn sample(
    mut sources: Sources,
    history: Arc<History>,
    current: Arc<Current>,
    clock: fn() -> SystemTime,
    stop: CancellationToken,
) {
    let mut ticks = tornado_runtime::every(Duration::from_secs(1));
    let mut has_failed = false;
    let mut previous: Option<(Instant, Arc<Families>)> = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let (at, now) = (Micros::from(clock()), Instant::now());
        let mut families = sources.services.collect().await;
        exposition::merge(&mut families, sources.host.sample());
        let families = Arc::new(families);
        let values = match &previous {
            Some((at, previous)) => values::values(previous, &families, now.duration_since(*at).as_secs_f64()),
            None => values::values(&Families::new(), &families, 1.0),
        };
        previous = Some((now, families.clone()));
        let samples = Samples { at: at.0 - at.0 % 1_000_000, values };
        // Written once per failure, because it repeats each second.
        match history.append(&samples).await {
            Err(error) if !has_failed => {
                tracing::warn!(%error, "cannot store metrics");
                has_failed = true;
            }
            Err(_) => {}
            Ok(()) => has_failed = false,
        }
        current.publish(samples, families);
    }
    history.close().await;
}
