//! Timing of this service's watches, separate from their work, so that tests can run it through simulated days.

use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// Pause after work that took `took`: at least `least`, and long enough that work takes at most one part in `share` of
/// the time.
pub(crate) fn pause(least: Duration, took: Duration, share: u32) -> Duration {
    least.max(took.saturating_mul(share))
}

/// Waits for `pause` or for a notification. Returns false at `shutdown`.
pub(crate) async fn again(shutdown: &CancellationToken, wake: &Notify, pause: Duration) -> bool {
    tokio::select! {
        () = shutdown.cancelled() => false,
        () = wake.notified() => true,
        // Aligned with the wake-ups of other watches.
        () = tornado_runtime::rest(pause) => true,
    }
}

/// Shortest time between two checks, so that a program that changes rules in a loop does not block other work.
pub(crate) const DEBOUNCE: Duration = Duration::from_millis(50);

/// Interval between two checks. `notifies`: the kernel's notifications are available.
pub(crate) const fn interval(notifies: bool) -> Duration {
    Duration::from_secs(if notifies { 30 } else { 10 })
}

/// Timing of checks that happen at intervals and after notices.
pub(crate) struct CheckTimer {
    interval: Duration,
    /// Shortest time between two checks.
    least: Duration,
    due: Instant,
}

impl CheckTimer {
    pub(crate) fn new(interval: Duration, least: Duration) -> Self {
        Self { interval, least, due: Instant::now() + interval }
    }

    /// Waits for the result of `event`, for a notification or for the end of the interval. Returns `None` at
    /// `shutdown`. Repeated calls do not extend the interval; only [`CheckTimer::begin`] restarts it.
    pub(crate) async fn next<T>(
        &self,
        shutdown: &CancellationToken,
        wake: &Notify,
        event: impl Future<Output = T>,
    ) -> Option<Option<T>> {
        tokio::select! {
            () = shutdown.cancelled() => None,
            () = wake.notified() => Some(None),
            event = event => Some(Some(event)),
            () = sleep_until(self.due) => Some(None),
        }
    }

    /// Starts a check and with it a new interval.
    pub(crate) fn begin(&mut self) {
        self.due = Instant::now() + self.interval;
    }

    /// Pauses after a check.
    pub(crate) async fn rest(&self) {
        sleep(self.least).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tornado_endurance::sixty_days;

    const SECOND: Duration = Duration::from_secs(1);
    const SHORT: Duration = Duration::from_millis(500);
    const HOUR: u32 = 3600;
    /// Awake time during the sixty days, in seconds; the rest is suspended time.
    const AWAKE: u32 = 2 * HOUR + 60 * 60;

    async fn rounds(stop: &CancellationToken, wake: &Notify, first: Duration, mut work: impl AsyncFnMut() -> Duration) {
        let mut pause = first;
        while again(stop, wake, pause).await {
            pause = work().await;
        }
    }

    async fn checks(
        (stop, wake): (&CancellationToken, &Notify),
        mut event: impl AsyncFnMut(),
        passes: bool,
        mut check: impl FnMut(),
    ) {
        let mut timer = CheckTimer::new(SECOND * 10, SHORT);
        while let Some(notice) = timer.next(stop, wake, event()).await {
            if passes && notice.is_some() {
                continue;
            }
            timer.begin();
            check();
            timer.rest().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rounds_come_at_a_steady_pace_for_sixty_days() {
        let (stop, wake, worked) = (CancellationToken::new(), Notify::new(), Cell::new(0_u32));
        let work = async || {
            worked.set(worked.get() + 1);
            SECOND
        };
        sixty_days(u64::from(HOUR), rounds(&stop, &wake, SECOND, work)).await;
        // Plus one round after each time jump.
        assert!((AWAKE - 60..=AWAKE + 180).contains(&worked.get()), "{}", worked.get());
    }

    #[tokio::test(start_paused = true)]
    async fn slow_work_takes_its_share_of_sixty_days() {
        let (stop, wake) = (CancellationToken::new(), Notify::new());
        let work = async || {
            let begun = Instant::now();
            sleep(SECOND).await;
            pause(SECOND, begun.elapsed(), 20)
        };
        sixty_days(2 * u64::from(HOUR / 21), rounds(&stop, &wake, SECOND, work)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_notification_ends_a_pause_and_is_not_lost_during_work() {
        let (stop, wake, worked) = (CancellationToken::new(), Notify::new(), Cell::new(0_u32));
        let work = async || {
            worked.set(worked.get() + 1);
            sleep(SECOND).await;
            SECOND * HOUR
        };
        let calls = async {
            wake.notify_one();
            sleep(SHORT).await;
            wake.notify_one();
            sleep(SECOND * 3).await;
            stop.cancel();
        };
        tokio::join!(rounds(&stop, &wake, SECOND * HOUR, work), calls);
        assert_eq!(worked.get(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_watch_checks_at_a_steady_pace_for_sixty_days() {
        let (stop, wake) = (CancellationToken::new(), Notify::new());
        let event = async || std::future::pending::<()>().await;
        let watch = checks((&stop, &wake), event, false, || ());
        sixty_days(2 * 360, watch).await;
    }

    #[tokio::test(start_paused = true)]
    async fn endless_notices_neither_spin_nor_delay_a_check() {
        for passes in [false, true] {
            let (stop, wake, checked) = (CancellationToken::new(), Notify::new(), Cell::new(0_u32));
            // Netlink delivers notices no faster; more frequent changes arrive as one notice.
            let event = async || sleep(Duration::from_millis(200)).await;
            let check = || checked.set(checked.get() + 1);
            let watch = checks((&stop, &wake), event, passes, check);
            sixty_days(u64::from(HOUR) * 6, watch).await;
            let least = if passes { AWAKE / 11 } else { AWAKE };
            let most = if passes { AWAKE / 10 + 180 } else { AWAKE * 2 };
            assert!((least..=most).contains(&checked.get()), "{passes}: {}", checked.get());
        }
    }
}
