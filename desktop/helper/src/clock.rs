//! The wall clock.

use std::time::{SystemTime, UNIX_EPOCH};
use tornado_shared::model::UnixSeconds;

/// The current time. It may jump in both directions.
#[must_use]
pub fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// Unix time by this machine's clock, seconds.
pub(crate) fn unix_now() -> UnixSeconds {
    let seconds = wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
