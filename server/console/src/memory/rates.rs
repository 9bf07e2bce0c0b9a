//! Rates of sessions: differences of their counters between two readings.

use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use tornado_admin_ui::model::Values;
use uuid::Uuid;

/// Readings older than this are dropped, in seconds.
const KEPT: i64 = 60;
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
pub struct Rates(Mutex<HashMap<Uuid, VecDeque<Reading>>>);

impl Rates {
    /// Adds a reading, and returns the rates since the one before in bits per second: to and from the device.
    pub fn add(&self, session: Uuid, reading: Reading) -> Option<(f64, f64)> {
        let mut all = self.0.lock();
        if all.len() >= MAX_SESSIONS && !all.contains_key(&session) {
            all.retain(|_, readings| readings.back().is_some_and(|latest| reading.at - latest.at < KEPT));
            if all.len() >= MAX_SESSIONS {
                return None;
            }
        }
        let readings = all.entry(session).or_default();
        readings.retain(|one| reading.at - one.at <= KEPT);
        if readings.back().is_none_or(|latest| latest.at < reading.at) {
            readings.push_back(reading);
        }
        if readings.len() > MAX_READINGS {
            readings.pop_front();
        }
        let before = readings.iter().rev().nth(1)?;
        rate(*before, *readings.back()?)
    }

    /// The rates of the last minute, a value for each second: to and from the device.
    pub fn courses(&self, session: Uuid, now: i64) -> (Values, Values) {
        let all = self.0.lock();
        let length = usize::try_from(KEPT).unwrap_or(0);
        let (mut down, mut up) = (vec![None; length], vec![None; length]);
        let Some(readings) = all.get(&session) else { return (down, up) };
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
