//! The wall clock. All other code reads the time here.

#[cfg(debug_assertions)]
use crate::trial::dir;
use std::time::SystemTime;
use tornado_shared::model::UnixSeconds;

/// The current time. It may jump in both directions.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the only place of this layer")]
pub fn wall_clock() -> SystemTime {
    let now = SystemTime::now();
    #[cfg(debug_assertions)]
    let now = shifted(now);
    now
}

/// Seconds since 1970; 0 if the clock is before that.
#[must_use]
pub fn unix_now() -> UnixSeconds {
    let since = wall_clock().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(debug_assertions)]
fn shifted(now: SystemTime) -> SystemTime {
    let Some(text) = dir().and_then(|dir| std::fs::read_to_string(dir.join("clock")).ok()) else { return now };
    let Ok(seconds) = text.trim().parse::<i64>() else { return now };
    let by = std::time::Duration::from_secs(seconds.unsigned_abs());
    let shifted = if seconds < 0 { now.checked_sub(by) } else { now.checked_add(by) };
    shifted.unwrap_or(now)
}
