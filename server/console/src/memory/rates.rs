//! Rates of sessions: differences of their counters between two readings.

use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use tornado_admin_ui::model::Values;
use uuid::Uuid;

/// Readings older than this are dropped, in seconds.
const KEPT: i64 = 60;
/// Interval between two removals of sessions that are no longer read, in seconds.
const TIDIED_EVERY: i64 = 10;
/// Sessions whose readings are kept.
const MAX_SESSIONS: usize = 50_000;
/// Readings of a session that are kept.
const MAX_READINGS: usize = 61;

/// Bytes to and from a device at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Seconds since 1970.
    pub at: i64,
    /// To the device.
    pub down: u64,
    /// From the device.
    pub up: u64,
}

/// The latest readings of sessions that pages show.
#[derive(Default)]
pub struct Rates(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    sessions: HashMap<Uuid, VecDeque<Reading>>,
    tidied_at: i64,
}

impl Kept {
    /// Removes sessions that have ended, or that pages no longer show: those without a recent reading.
    fn tidy(&mut self, now: i64) {
        if (0..TIDIED_EVERY).contains(&(now - self.tidied_at)) {
            return;
        }
        self.tidied_at = now;
        self.sessions.retain(|_, readings| readings.back().is_some_and(|latest| latest.is_recent(now)));
    }
}

impl Reading {
    /// False also for a reading of the future: the clock was set back since.
    fn is_recent(&self, now: i64) -> bool {
        (0..=KEPT).contains(&(now - self.at))
    }
}

impl Rates {
    /// Adds a reading, and returns the rates since the one before in bits per second: to and from the device.
    pub fn add(&self, session: Uuid, reading: Reading) -> Option<(f64, f64)> {
        let mut kept = self.0.lock();
        kept.tidy(reading.at);
        if kept.sessions.len() >= MAX_SESSIONS && !kept.sessions.contains_key(&session) {
            return None;
        }
        let readings = kept.sessions.entry(session).or_default();
        readings.retain(|one| one.is_recent(reading.at));
        if readings.back().is_none_or(|latest| latest.at < reading.at) {
            readings.push_back(reading);
        }
        if readings.len() > MAX_READINGS {
            readings.pop_front();
        }
        let before = readings.iter().rev().nth(1)?;
        rate(*before, *readings.back()?)
    }

    /// Removes what is no longer used.
    pub fn tidy(&self, now: i64) {
        self.0.lock().tidy(now);
    }

    /// The rates of the last minute, a value for each second: to and from the device.
    pub fn courses(&self, session: Uuid, now: i64) -> (Values, Values) {
        let kept = self.0.lock();
        let length = usize::try_from(KEPT).unwrap_or(0);
        let (mut down, mut up) = (vec![None; length], vec![None; length]);
        let Some(readings) = kept.sessions.get(&session) else { return (down, up) };
        for (before, after) in readings.iter().zip(readings.iter().skip(1)) {
            let Some((to, from)) = rate(*before, *after) else { continue };
            for at in before.at + 1..=after.at {
                let Ok(index) = usize::try_from(at - (now - KEPT) - 1) else { continue };
                if let (Some(down), Some(up)) = (down.get_mut(index), up.get_mut(index)) {
                    (*down, *up) = (Some(to), Some(from));
                }
            }
        }
        (down, up)
    }
}

/// Bits per second between two readings; none if the counters began again.
fn rate(before: Reading, after: Reading) -> Option<(f64, f64)> {
    let seconds = after.at - before.at;
    let difference = |before: u64, after: u64| Some(after.checked_sub(before)? as f64 * 8.0 / seconds as f64);
    if seconds <= 0 {
        return None;
    }
    Some((difference(before.down, after.down)?, difference(before.up, after.up)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: Uuid = Uuid::from_u128(1);

    fn reading(at: i64, down: u64) -> Reading {
        Reading { at, down, up: down / 2 }
    }

    #[test]
    fn a_rate_is_the_difference_of_two_readings() {
        let rates = Rates::default();
        assert_eq!(rates.add(SESSION, reading(10, 1000)), None);
        assert_eq!(rates.add(SESSION, reading(12, 3000)), Some((8000.0, 4000.0)));
    }

    #[test]
    fn counters_that_began_again_have_no_rate() {
        let rates = Rates::default();
        rates.add(SESSION, reading(10, 1000));
        assert_eq!(rates.add(SESSION, reading(12, 5)), None);
    }

    #[test]
    fn sessions_that_are_no_longer_read_are_removed() {
        let (rates, other) = (Rates::default(), Uuid::from_u128(2));
        rates.add(SESSION, reading(1000, 0));
        for at in 1001..=1000 + KEPT + TIDIED_EVERY + 1 {
            rates.add(other, reading(at, 0));
        }
        assert_eq!(rates.0.lock().sessions.keys().collect::<Vec<_>>(), [&other]);
        rates.tidy(1000 + 3 * KEPT);
        assert!(rates.0.lock().sessions.is_empty());
    }

    #[test]
    fn a_full_memory_is_not_searched_for_each_session() {
        let rates = Rates::default();
        for session in 0..=MAX_SESSIONS as u128 {
            rates.add(Uuid::from_u128(session), reading(1000, 0));
        }
        assert_eq!(rates.0.lock().sessions.len(), MAX_SESSIONS);
        assert_eq!(rates.0.lock().tidied_at, 1000, "once in a while only");
        rates.add(SESSION, reading(1001, 1000));
        assert_eq!(rates.add(SESSION, reading(1002, 2000)), Some((8000.0, 4000.0)), "those that are kept have rates");
    }

    #[test]
    fn rates_go_on_after_the_clock_was_set_back() {
        let rates = Rates::default();
        rates.add(SESSION, reading(5000, 9000));
        assert_eq!(rates.add(SESSION, reading(1000, 10_000)), None);
        assert_eq!(rates.add(SESSION, reading(1001, 11_000)), Some((8000.0, 4000.0)));
    }

    #[test]
    fn the_course_has_gaps_where_nothing_was_read() {
        let rates = Rates::default();
        rates.add(SESSION, reading(98, 0));
        rates.add(SESSION, reading(100, 2000));
        let (down, _) = rates.courses(SESSION, 100);
        assert_eq!(down.len(), 60);
        assert_eq!(down[57..], [None, Some(8000.0), Some(8000.0)]);
        assert!(rates.courses(Uuid::nil(), 100).0.iter().all(Option::is_none));
    }
}
