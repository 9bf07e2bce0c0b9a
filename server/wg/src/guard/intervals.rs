//! Intervals of the checks.

use std::time::Duration;

/// Shortest time between two checks, so that a program that changes rules in a loop does not block other work.
pub(super) const DEBOUNCE: Duration = Duration::from_millis(50);

/// Interval between two checks. `notifies`: the kernel's notifications are available.
pub(super) const fn interval(notifies: bool) -> Duration {
    Duration::from_secs(if notifies { 30 } else { 10 })
}
