//! Tells `tor` which exit countries and isolation numbers are in use: on every change, and again and again, so that
//! neither side's restart loses anything.

use crate::service::Service;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often without a change while exit countries are in use: a Tor for them waits for this after a restart of `tor`.
const REGULAR: Duration = Duration::from_secs(2);
/// The same while none is, and numbers alone are reported.
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
                // Their devices are refused by the lane and learn the reason from their view of it.
                tracing::trace!(refused = report.refused.len(), "exit countries told");
            }
            Err(error) if !is_failing => {
                tracing::debug!(%error, "service tor was not told the exit countries; trying again");
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
