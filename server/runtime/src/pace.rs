//! Timing of periodic work.

use std::sync::OnceLock;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior};

/// Ticks immediately and then after each `period`. Ticks that were missed, because the process was stopped or had no
/// processor time, are skipped: a service that wakes up does its periodic work once.
#[must_use]
pub fn every(period: Duration) -> Interval {
    delayed(tokio::time::Instant::now(), period)
}

/// Like [`every`], with the first tick after one `period`.
#[must_use]
pub fn every_after(period: Duration) -> Interval {
    delayed(tokio::time::Instant::now() + period, period)
}

/// Sleeps for `period`, give or take half a second. Deadlines are aligned to whole seconds, so that periodic work of an
/// idle process shares wake-ups.
pub async fn rest(period: Duration) {
    const STEP: u128 = 1_000;
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let origin = *ORIGIN.get_or_init(Instant::now);
    let now = Instant::now();
    let steps = ((now + period).saturating_duration_since(origin).as_millis() + STEP / 2) / STEP;
    let at = origin + Duration::from_millis(u64::try_from(steps * STEP).unwrap_or(u64::MAX));
    // Falls back to the exact period if it is short, or if a test paused tokio's clock and thus changed its origin.
    let at = if at > now && at <= now + period + Duration::from_millis(500) { at } else { now + period };
    tokio::time::sleep_until(at).await;
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
    async fn work_of_one_pace_is_done_in_the_same_wake_up() {
        let began = Instant::now();
        for _ in 0..5 {
            let late = async {
                tokio::time::sleep(Duration::from_millis(130)).await;
                rest(Duration::from_secs(2)).await;
                Instant::now()
            };
            let in_time = async {
                rest(Duration::from_secs(2)).await;
                Instant::now()
            };
            let (late, in_time) = tokio::join!(late, in_time);
            assert_eq!(late, in_time);
        }
        let passed = began.elapsed();
        assert!((Duration::from_secs(9)..=Duration::from_secs(11)).contains(&passed), "{passed:?}");
        // A period shorter than one step is not rounded up to a step.
        let began = Instant::now();
        rest(Duration::from_millis(40)).await;
        assert!(began.elapsed() <= Duration::from_millis(540), "{:?}", began.elapsed());
    }

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
            // Two hours of real time, then sixty jumps with one tick and one minute each.
            let regular = 2 * 720 + 60 * (1 + 12);
            assert!((regular - 70..=regular + 70).contains(&done), "{done} ticks, expected about {regular}");
        }
    }
}
