//! When to retry to restore the tunnel. Pure: time and randomness are arguments.

use std::time::Duration;
use tokio::time::Instant;
use tornado_kit::backoff::Backoff;

/// Delays between two attempts, shortened by up to a tenth.
const DELAYS: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30)).spread(0.1);

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

    /// Waits at least as long as the server requested (`retry_after`). `jitter` is in 0..1.
    pub(crate) fn failed(&mut self, now: Instant, retry_after: Option<Duration>, jitter: f64) {
        self.due = now + DELAYS.pause(self.failures, jitter).max(retry_after.unwrap_or_default());
        self.failures = self.failures.saturating_add(1);
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
