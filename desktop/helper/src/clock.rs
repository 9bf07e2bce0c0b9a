//! The wall clock.

use std::time::{SystemTime, UNIX_EPOCH};
use tornado_shared::model::UnixSeconds;

/// Unix time by this machine's clock, seconds.
pub(crate) fn unix_now() -> UnixSeconds {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
