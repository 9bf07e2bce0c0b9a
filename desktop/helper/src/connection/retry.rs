//! When to retry to restore the tunnel. Pure: time and randomness are arguments.

use std::time::Duration;
use tokio::time::Instant;

/// Maximum delay between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The back-off of attempts to restore the tunnel.
pub(crate) struct Retry {
    due: Instant,
    failures: u32,
}

impl Retry {
    /// The first attempt is due at once.
    pub(crate) const fn new(now: Instant) -> Self {
        Self { due: now, failures: 0 }
    }

    pub(crate) const fn due(&self) -> Instant {
        self.due
    }

    /// Doubles the delay from 1 s to at most 30 s; waits at least as long as the server requested (`retry_after`).
    /// `jitter` is in 0..1.
    pub(crate) fn failed(&mut self, now: Instant, retry_after: Option<Duration>, jitter: f64) {
        let pause = Duration::from_secs(1 << self.failures.min(5)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.due = now + pause.mul_f64(1.0 - 0.1 * jitter.clamp(0.0, 1.0)).max(retry_after.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_respect_retry_after() {
        let now = Instant::now();
        let mut retry = Retry::new(now);
        let mut pause = |retry_after: Option<u64>| {
            retry.failed(now, retry_after.map(Duration::from_secs), 0.0);
            retry.due().saturating_duration_since(now).as_secs()
        };
        assert_eq!([pause(None), pause(None), pause(None)], [1, 2, 4]);
        assert_eq!([pause(Some(3600)), pause(Some(3)), pause(None), pause(None)], [3600, 16, 30, 30]);
    }
}
