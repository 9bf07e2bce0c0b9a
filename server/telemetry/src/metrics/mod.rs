//! Metrics: sampled each second, kept as averages with extremes.

mod current;
mod history;
mod host;
mod rollup;

pub use current::Current;
pub use history::{History, HistoryError};

use host::HostSampler;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;
use tornado_contracts::telemetry::metrics::Samples;
use tornado_log::line::Micros;

/// Samples each second until `stop` is cancelled: this host, with the file system of `state_dir`, and the services'
/// current values.
pub async fn sample(
    history: Arc<History>,
    current: Arc<Current>,
    state_dir: PathBuf,
    clock: fn() -> SystemTime,
    stop: CancellationToken,
) {
    let mut host = HostSampler::new(state_dir);
    let mut ticks = tornado_runtime::every(Duration::from_secs(1));
    let mut has_failed = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let at = Micros::from(clock());
        let mut values = host.sample();
        values.extend(current.collect());
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
        current.publish(samples);
    }
    history.close().await;
}
