//! When to send heartbeats, and when to retry to restore the tunnel. Pure: time and randomness are arguments.

use std::time::Duration;
use tokio::time::Instant;
use tornado_kit::backoff::Backoff;

/// Maximum delay between two attempts while the server is unreachable.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Schedule of one session's heartbeats, or of attempts to restore the tunnel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    /// Time between two heartbeats; does not grow.
    interval: Backoff,
    /// Delays after failed heartbeats: never more than `interval`.
    delays: Backoff,
    due: Instant,
    failures: u32,
}

impl Schedule {
    /// Schedules a heartbeat every `ttl / 2`. `jitter` is in 0..1.
    pub(crate) fn new(ttl: Duration, now: Instant, jitter: f64) -> Self {
        // Shortened, so that devices that connected together spread out, and never lengthened.
        let within = |first, longest| Backoff::new(first, longest).spread(0.1);
        let (interval, delays) = (within(ttl / 2, ttl / 2), within(Duration::from_secs(1), LONGEST_PAUSE.min(ttl / 2)));
        Self { interval, delays, due: now + interval.pause(0, jitter), failures: 0 }
    }

    /// The first attempt is due at once.
    pub(crate) fn of_attempts(now: Instant) -> Self {
        let delays = Backoff::new(Duration::from_secs(1), LONGEST_PAUSE).spread(0.1);
        Self { interval: delays, delays, due: now, failures: 0 }
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
        self.due = now + self.interval.pause(0, jitter);
    }

    /// Waits at least as long as the server requested (`retry_after`).
    pub(crate) fn failed(&mut self, now: Instant, retry_after: Option<Duration>, jitter: f64) {
        self.due = now + self.delays.pause(self.failures, jitter).max(retry_after.unwrap_or_default());
        self.failures = self.failures.saturating_add(1);
    }
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
