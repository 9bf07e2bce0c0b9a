//! Restart pauses and crash-loop detection.

use std::collections::VecDeque;
use std::time::Duration;
use tornado_runtime::backoff::Backoff;

/// Pauses from the second restart on. They are shortened by up to half, so that services that died together do not
/// restart together.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10)).spread(0.5);
/// After this time as ready, earlier failures no longer lengthen the pause.
pub const HEALTHY_AFTER: Duration = Duration::from_secs(60);
/// Number of failures within [`LOOP_WINDOW`] that make a crash loop.
const LOOP_FAILURES: usize = 10;
/// Time in which failures are counted for a crash loop.
const LOOP_WINDOW: Duration = Duration::from_secs(60);

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Restart after this pause.
    RetryIn(Duration),
    /// A crash loop: wait for an operator.
    GiveUp,
}

/// Recent failures of one service.
#[derive(Debug, Clone, Default)]
pub struct Failures {
    recent: VecDeque<Duration>,
    streak: u32,
}

impl Failures {
    /// Counts a failure at `now` (time since `master` began). `jitter` is a random number in [0, 1]. The first restart
    /// is immediate.
    pub fn count(&mut self, now: Duration, jitter: f64) -> Verdict {
        self.recent.retain(|at| now.saturating_sub(*at) < LOOP_WINDOW);
        self.recent.push_back(now);
        self.streak = self.streak.saturating_add(1);
        if self.recent.len() >= LOOP_FAILURES {
            return Verdict::GiveUp;
        }
        let earlier = self.streak.checked_sub(2);
        Verdict::RetryIn(earlier.map_or(Duration::ZERO, |earlier| PAUSES.pause(earlier, jitter)))
    }

    /// Forgets all failures, after an operator's request.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Resets the pause after a healthy run. The failures still count for crash-loop detection.
    pub const fn recovered(&mut self) {
        self.streak = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn restart_delays_double_and_a_crash_loop_ends() {
        let mut failures = Failures::default();
        let mut pauses = Vec::new();
        let mut now = Duration::ZERO;
        while let Verdict::RetryIn(pause) = failures.count(now, 0.0) {
            pauses.push(u64::try_from(pause.as_millis()).unwrap());
            now += pause;
        }
        assert_eq!(pauses, [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000]);
    }

    #[test]
    fn rare_failures_never_make_a_loop() {
        let mut failures = Failures::default();
        for minute in 0..1000u64 {
            failures.recovered();
            assert_eq!(failures.count(Duration::from_secs(minute * 90), 0.5), Verdict::RetryIn(Duration::ZERO));
        }
    }

    proptest! {
        #[test]
        fn pauses_stay_within_bounds(streak in 0u32..200, jitter in -1.0f64..2.0) {
            let mut failures = Failures { streak, ..Failures::default() };
            let verdict = failures.count(Duration::ZERO, jitter);
            let Verdict::RetryIn(pause) = verdict else { panic!("one failure is not a loop") };
            prop_assert!(pause <= Duration::from_secs(10));
            prop_assert!(streak < 1 || pause >= Duration::from_millis(50));
        }
    }
}
