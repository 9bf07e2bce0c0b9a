//! When the server was last asked something that the status shows: whoever asks for the status again and again asks the
//! server less often.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// When the server was last asked.
#[derive(Debug, Default)]
pub(crate) struct Asked(Mutex<Option<Instant>>);

impl Asked {
    /// True, and noted, when the latest answer is older than it is good for.
    pub(crate) fn is_due(&self, now: Instant, good_for: Duration) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|at| now.saturating_duration_since(at) >= good_for);
        if due {
            *last = Some(now);
        }
        due
    }

    /// The latest answer is no longer good.
    pub(crate) fn again(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
