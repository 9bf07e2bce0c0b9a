//! Reports the exit countries and isolation numbers in use to `tor`: on every change and periodically, so that a
//! restart of either side loses nothing.

use crate::countries::Countries;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tornado_contracts::tor::Tor;

/// Interval while exit countries are in use. After a restart, `tor` starts their processes only after the next report.
const REGULAR: Duration = Duration::from_secs(2);
/// Interval while no exit country is in use and only isolation numbers are reported.
const SELDOM: Duration = Duration::from_secs(10);

/// Runs until `shutdown`.
pub(crate) async fn run(tor: Arc<dyn Tor>, countries: Arc<Countries>, shutdown: CancellationToken) {
    let mut is_failing = false;
    loop {
        let desired = countries.in_use();
        let pause = if desired.countries.is_empty() { SELDOM } else { REGULAR };
        let reported = tokio::select! {
            reported = tor.sync_countries(desired) => reported,
            () = shutdown.cancelled() => return,
        };
        match reported {
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
            () = countries.report_requested() => {}
            () = shutdown.cancelled() => return,
        }
    }
}
