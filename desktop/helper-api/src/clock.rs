//! The wall clock of the device. The programs of this layer read the time here.

use std::time::{SystemTime, UNIX_EPOCH};
use tornado_shared::model::UnixSeconds;

/// Seconds since 1970; 0 if the clock is before that. It may jump in both directions.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the only place of this layer")]
pub fn unix_now() -> UnixSeconds {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
