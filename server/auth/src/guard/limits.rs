//! Settings of the guard.

use serde::{Deserialize, Serialize};

/// Settings of the guard. Durations are in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Number of failures that is too many. The limit is twice as high for an IPv6 /56 and four times for a /48.
    pub failures: usize,
    /// Time window in which failures count.
    pub window: i64,
    /// Time for which a network is blocked.
    pub shut_out: i64,
    /// Maximum pause for an account after a failure.
    pub slow_down: i64,
    /// Concurrent attempts per address while it has no failures.
    pub at_once: usize,
    /// Maximum number of tracked entries; the least recently used one is evicted first.
    pub remembered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { failures: 5, window: 300, shut_out: 900, slow_down: 60, at_once: 64, remembered: 100_000 }
    }
}

impl Limits {
    /// Checks the ranges.
    ///
    /// # Errors
    /// A value that would allow everything or nothing.
    pub fn validate(&self) -> Result<(), &'static str> {
        let sound = (1..=100).contains(&self.failures)
            && (1..=86_400).contains(&self.window)
            && (1..=86_400).contains(&self.shut_out)
            && (1..=self.window).contains(&self.slow_down)
            && self.at_once >= self.failures
            && (16..=1_000_000).contains(&self.remembered);
        if sound { Ok(()) } else { Err("failures, times and sizes must be positive and within their ranges") }
    }
}
