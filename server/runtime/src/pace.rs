//! Regular work of services.

use std::sync::OnceLock;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior};

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

/// Waits for `period`, or up to half a second less or more: regular work of a process that is at rest is done in the same
/// wake-ups.
pub async fn rest(period: Duration) {
    const STEP: u128 = 1_000;
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let origin = *ORIGIN.get_or_init(Instant::now);
    let now = Instant::now();
    let steps = ((now + period).saturating_duration_since(origin).as_millis() + STEP / 2) / STEP;
    let at = origin + Duration::from_millis(u64::try_from(steps * STEP).unwrap_or(u64::MAX));
    // Short pauses, and a clock of tokio that was paused for a test and has another origin.
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
        // A pause that is shorter than a step is kept.
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
            // Two hours, then sixty times a leap and a minute.
            let regular = 2 * 720 + 60 * (1 + 12);
            assert!((regular - 70..=regular + 70).contains(&done), "{done} ticks where {regular} are due");
        }
    }
}
