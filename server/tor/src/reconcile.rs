//! Keeps the lane in `wg` in the desired state, whichever of the two changes.

use crate::lane::Keeper;
use crate::service::Service;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tornado_contracts::wg::Wg;

/// Interval of the checks for changes that come with time, and pause after a failure.
const INTERVAL: Duration = Duration::from_secs(1);

/// Reconciles until shutdown, then closes the lane.
pub(crate) async fn run(service: Arc<Service>, wg: Arc<dyn Wg>, shutdown: CancellationToken) {
    let mut changed = service.tor.changed();
    let mut keeper = Keeper::new(wg);
    while !shutdown.is_cancelled() {
        changed.mark_unchanged();
        service.decide();
        service.tor.set_applied(keeper.keep(service.desired_lane()).await);
        let Some(wg_changed) = keeper.changed() else {
            tokio::select! {
                () = shutdown.cancelled() => {}
                _ = changed.changed() => {}
                () = tokio::time::sleep(INTERVAL) => {}
            }
            continue;
        };
        let mut wg_changed = pin!(wg_changed);
        while !shutdown.is_cancelled() && keeper.is_set(&service.desired_lane()) {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = wg_changed.as_mut() => break,
                // This task holds the service and with it the sender, so the channel is never closed.
                _ = changed.changed() => {}
                () = tokio::time::sleep(INTERVAL) => service.decide(),
            }
        }
    }
    // The page ends with this service, and Tor may end as well.
    if let Err(error) = keeper.close().await {
        tracing::warn!(%error, "cannot close the tor lane at shutdown; its traffic is refused when Tor has ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_wg::FakeWg;
    use crate::process::Layout;
    use tornado_e2e_support::Scripted;

    #[tokio::test(start_paused = true)]
    async fn the_lane_is_reconciled_steadily_for_sixty_days() {
        let dir = tempfile::tempdir().unwrap();
        let service =
            Arc::new(Service::new(Arc::default(), Layout::new(dir.path()), tornado_runtime::clock::Clock::new(|| 0)));
        let wg = Arc::new(FakeWg::default());
        let per_hour = 3600 * 1000 / u64::try_from(INTERVAL.as_millis()).unwrap();
        // `wg` fails at first: the retries must keep the steady interval as well.
        wg.set_failing(true);
        let recovery = async {
            tokio::time::sleep(Duration::from_secs(7200)).await;
            wg.set_failing(false);
            std::future::pending::<()>().await;
        };
        let both =
            async { tokio::join!(run(service, Arc::new(Scripted(wg.clone())), CancellationToken::new()), recovery) };
        tornado_endurance::sixty_days(per_hour + 8, both).await;
    }
}
