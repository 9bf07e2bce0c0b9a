//! Limits how often a status call queries the server.

use parking_lot::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// The time of the latest query to the server.
#[derive(Debug, Default)]
pub(crate) struct Freshness(Mutex<Option<Instant>>);

impl Freshness {
    /// Returns true if the latest response is older than `good_for`, and then records `now` as the time of the query.
    pub(crate) fn is_due(&self, now: Instant, good_for: Duration) -> bool {
        let mut last = self.0.lock();
        let due = last.is_none_or(|at| now.saturating_duration_since(at) >= good_for);
        if due {
            *last = Some(now);
        }
        due
    }

    /// Invalidates the latest response.
    pub(crate) fn invalidate(&self) {
        self.0.lock().take();
    }
}
