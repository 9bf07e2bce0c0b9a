//! Switches for tests that let a process die at a chosen step or let its clock jump. They exist in builds with debug
//! assertions only, and there only where `master` was started with [`DIR`] in its environment.

use std::time::SystemTime;
use tornado_shared::model::UnixSeconds;

/// The environment variable with the directory of the switches. `<directory>/<name>`: the next process that passes the
/// fault point `name` takes the file away and aborts. `<directory>/clock`: seconds that are added to the wall clock.
pub const DIR: &str = "TORNADO_TRIAL";

/// A step at which a test may let this process die as `kill -9` does: nothing is flushed, no destructor runs.
#[cfg(debug_assertions)]
pub fn fault_point(name: &str) {
    // Whoever removes the file is the one that dies.
    if dir().is_some_and(|dir| std::fs::remove_file(dir.join(name)).is_ok()) {
        std::process::abort();
    }
}

/// Nothing, in builds that people run.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn fault_point(_: &str) {}

/// The wall clock. May jump, in both directions.
#[must_use]
pub fn wall_clock() -> SystemTime {
    let now = SystemTime::now();
    #[cfg(debug_assertions)]
    let now = shifted(now);
    now
}

/// The wall clock in Unix seconds; 0 before 1970.
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

#[cfg(debug_assertions)]
fn dir() -> Option<&'static std::path::Path> {
    static NAMED: std::sync::OnceLock<Option<std::path::PathBuf>> = std::sync::OnceLock::new();
    NAMED.get_or_init(|| std::env::var_os(DIR).map(Into::into)).as_deref()
}
