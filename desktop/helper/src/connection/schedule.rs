//! When to send heartbeats, and when to retry to restore the tunnel. Pure: time and randomness are arguments.

use std::time::Duration;
use tokio::time::Instant;

/// Maximum delay between two attempts while the server is unreachable.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Schedule of one session's heartbeats, or of attempts to restore the tunnel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    half: Duration,
    due: Instant,
    failures: u32,
}

impl Schedule {
    /// Schedules a heartbeat every `ttl / 2`. `jitter` is in 0..1.
    pub(crate) fn new(ttl: Duration, now: Instant, jitter: f64) -> Self {
        let half = ttl / 2;
        Self { half, due: now + spread(half, jitter), failures: 0 }
    }

    /// The first attempt is due at once.
    pub(crate) const fn of_attempts(now: Instant) -> Self {
        Self { half: LONGEST_PAUSE, due: now, failures: 0 }
    }

    pub(crate) const fn due(&self) -> Instant {
        self.due
    }

    /// Makes the next heartbeat due at `now`.
    pub(crate) fn make_due(&mut self, now: Instant) {
        self.due = self.due.min(now);
    }

    pub(crate) fn succeeded(&mut self, now: Instant, jitter: f64) {
        self.failures = 0;
        self.due = now + spread(self.half, jitter);
    }

    /// Doubles the delay from 1 s to at most 30 s, and never more than a heartbeat's interval. Waits at least as long
    /// as the server requested (`retry_after`).
    pub(crate) fn failed(&mut self, now: Instant, retry_after: Option<Duration>, jitter: f64) {
        let pause = Duration::from_secs(1 << self.failures.min(5)).min(LONGEST_PAUSE).min(self.half);
        self.failures = self.failures.saturating_add(1);
        self.due = now + spread(pause, jitter).max(retry_after.unwrap_or_default());
    }
}

/// Shortens `pause` by up to a tenth, so that devices that connected together spread out. It never lengthens it.
fn spread(pause: Duration, jitter: f64) -> Duration {
    pause.mul_f64(1.0 - 0.1 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heartbeats_are_sent_before_half_the_ttl_and_never_stop() {
        let start = Instant::now();
        for jitter in [0.0, 0.5, 1.0] {
            let mut schedule = Schedule::new(Duration::from_secs(90), start, jitter);
            assert!(schedule.due() <= start + Duration::from_secs(45));
            assert!(schedule.due() >= start + Duration::from_secs(40));
            let mut now = schedule.due();
            for _ in 0..100 {
                schedule.failed(now, None, jitter);
                let pause = schedule.due() - now;
                assert!(pause >= Duration::from_millis(900) && pause <= LONGEST_PAUSE, "{pause:?}");
                now = schedule.due();
            }
            schedule.failed(now, Some(Duration::from_secs(120)), jitter);
            assert_eq!(schedule.due() - now, Duration::from_secs(120));
            schedule.succeeded(now, jitter);
            schedule.failed(now, None, jitter);
            assert!(schedule.due() - now <= Duration::from_secs(1), "a success resets the back-off");
        }
    }

    #[test]
    fn delays_grow_and_respect_retry_after() {
        let now = Instant::now();
        let mut retry = Schedule::of_attempts(now);
        let mut pause = |retry_after: Option<u64>| {
            retry.failed(now, retry_after.map(Duration::from_secs), 0.0);
            retry.due().saturating_duration_since(now).as_secs()
        };
        assert_eq!([pause(None), pause(None), pause(None)], [1, 2, 4]);
        assert_eq!([pause(Some(3600)), pause(Some(3)), pause(None), pause(None)], [3600, 16, 30, 30]);
    }
}
