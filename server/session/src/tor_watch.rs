//! Reports the exit countries and isolation numbers in use to `tor`: on every change and periodically, so that a
//! restart of either side loses nothing.

use crate::service::Service;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Interval while exit countries are in use. After a restart, `tor` starts their processes only after the next report.
const REGULAR: Duration = Duration::from_secs(2);
/// Interval while no exit country is in use and only isolation numbers are reported.
const SELDOM: Duration = Duration::from_secs(10);

/// Runs until `shutdown`.
pub(crate) async fn run(service: Arc<Service>, shutdown: CancellationToken) {
    let mut is_failing = false;
    loop {
        let wish = service.countries_in_use();
        let pause = if wish.countries.is_empty() { SELDOM } else { REGULAR };
        let told = tokio::select! {
            told = service.tor.sync_countries(wish) => told,
            () = shutdown.cancelled() => return,
        };
        match told {
            Ok(report) => {
                is_failing = false;
                // The lane rejects their devices, which find the reason in their view of the lane.
                tracing::trace!(refused = report.refused.len(), "reported exit countries");
            }
            Err(error) if !is_failing => {
                tracing::debug!(%error, "cannot report exit countries to service tor; retrying");
                is_failing = true;
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = service.look_at_countries.notified() => {}
            () = shutdown.cancelled() => return,
        }
    }
}
