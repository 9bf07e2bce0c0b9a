//! Circuit breaker: a unit that fails again and again is not started blindly. Pure, except for the lock.

use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// Starts and restarts of a unit within [`WINDOW`].
const MOST: usize = 3;
/// Time after which a start no longer counts.
const WINDOW: Duration = Duration::from_secs(600);

/// The latest starts and restarts of each unit. The caller names only units of the configuration, so memory is bounded.
#[derive(Default)]
pub struct Breaker(Mutex<HashMap<String, VecDeque<Duration>>>);

impl Breaker {
    /// Counts a start or restart at `now` (time since any fixed instant).
    ///
    /// # Errors
    /// The seconds until another one is permitted. It is not counted.
    pub fn admit(&self, unit: &str, now: Duration) -> Result<(), u64> {
        let mut all = self.0.lock();
        let starts = all.entry(unit.to_owned()).or_default();
        while starts.front().is_some_and(|at| now.saturating_sub(*at) >= WINDOW) {
            starts.pop_front();
        }
        if starts.len() >= MOST {
            let oldest = starts.front().copied().unwrap_or(now);
            return Err(oldest.saturating_add(WINDOW).saturating_sub(now).as_secs().max(1));
        }
        starts.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_start_within_ten_minutes_waits() {
        let breaker = Breaker::default();
        let at = |unit: &str, seconds| breaker.admit(unit, Duration::from_secs(seconds));
        assert_eq!([at("a", 0), at("a", 10), at("a", 20)], [Ok(()); 3]);
        assert_eq!(at("a", 30), Err(570));
        assert_eq!(at("b", 30), Ok(()), "each unit has its own count");
        assert_eq!(at("a", 599), Err(1));
        assert_eq!((at("a", 600), at("a", 601)), (Ok(()), Err(9)), "a refused start does not count");
    }
}
