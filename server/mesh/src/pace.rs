//! Regular work of services.

use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior};

/// Ticks at once and then after each `period`. Ticks that were missed, because the process was stopped or had no
/// processor time, are left out: a service that wakes up does its regular work once.
#[must_use]
pub fn every(period: Duration) -> Interval {
    delayed(tokio::time::Instant::now(), period)
}

/// The same with the first tick after one `period`.
#[must_use]
pub fn every_after(period: Duration) -> Interval {
    delayed(tokio::time::Instant::now() + period, period)
}

#[expect(clippy::disallowed_methods, reason = "the one place that sets what happens to missed ticks")]
fn delayed(first: tokio::time::Instant, period: Duration) -> Interval {
    let mut ticks = tokio::time::interval_at(first, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_endurance::sixty_days;

    #[tokio::test(start_paused = true)]
    async fn regular_work_is_done_once_after_a_pause_of_the_process() {
        for mut ticks in [every(Duration::from_secs(5)), every_after(Duration::from_secs(5))] {
            let mut done = 0;
            let work = async {
                loop {
                    ticks.tick().await;
                    done += 1;
                }
            };
            sixty_days(720, work).await;
            // Two hours, then sixty times a leap and a minute.
            let regular = 2 * 720 + 60 * (1 + 12);
            assert!((regular - 70..=regular + 70).contains(&done), "{done} ticks where {regular} are due");
        }
    }
}
