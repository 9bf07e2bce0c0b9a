//! The wall clock. All other code of the product reads it here, which clippy checks. Monotonic time is
//! `tokio::time::Instant`, whose clock tests pause.

#[cfg(debug_assertions)]
use crate::trial::dir;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// The current time. It may jump in both directions.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "all other code calls this function")]
pub fn wall_clock() -> SystemTime {
    let now = SystemTime::now();
    #[cfg(debug_assertions)]
    let now = shifted(now);
    now
}

/// The current time in Unix seconds.
#[must_use]
pub fn unix_now() -> i64 {
    unix_seconds(wall_clock())
}

/// Seconds since 1970; 0 for times before that.
#[must_use]
pub fn unix_seconds(at: SystemTime) -> i64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A source of the current time that tests can replace.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::new(unix_now)
    }

    /// A clock with any time source, which returns Unix seconds.
    pub fn new(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The current time in Unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(debug_assertions)]
fn shifted(now: SystemTime) -> SystemTime {
    let Some(text) = dir().and_then(|dir| std::fs::read_to_string(dir.join("clock")).ok()) else { return now };
    let Ok(seconds) = text.trim().parse::<i64>() else { return now };
    let by = std::time::Duration::from_secs(seconds.unsigned_abs());
    let shifted = if seconds < 0 { now.checked_sub(by) } else { now.checked_add(by) };
    shifted.unwrap_or(now)
}
