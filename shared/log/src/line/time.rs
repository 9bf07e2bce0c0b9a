//! Times of lines: microseconds since 1970, written as RFC 3339 with a fixed width.

use serde::{Deserialize, Serialize};
use std::time::SystemTime;
use time::{Date, Month, OffsetDateTime};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Micros(pub i64);

/// Microseconds of a day.
pub const DAY: i64 = 86_400_000_000;

impl Micros {
    /// The number of the day since 1970.
    #[must_use]
    pub const fn day(self) -> i64 {
        self.0.div_euclid(DAY)
    }
}

impl From<SystemTime> for Micros {
    /// 0 for a time before 1970.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// `2026-11-27T15:20:38.123456Z`. A time outside of the years 1970 to 9999 is written as the nearest inside.
#[must_use]
pub fn format_time(time: Micros) -> String {
    const LAST: i64 = 253_402_300_799_999_999;
    let micros = time.0.clamp(0, LAST);
    let date = OffsetDateTime::from_unix_timestamp(micros / 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = date.to_calendar_date();
    let (hour, minute, second) = date.to_hms();
    let (month, fraction) = (u8::from(month), micros % 1_000_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
}

/// Parses exactly what [`format_time`] writes.
#[must_use]
pub fn parse_time(text: &str) -> Option<Micros> {
    const SHAPE: &[u8; 27] = b"0000-00-00T00:00:00.000000Z";
    let bytes = text.as_bytes();
    let fits = |(byte, shape): (&u8, &u8)| if *shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
    if bytes.len() != SHAPE.len() || !bytes.iter().zip(SHAPE).all(fits) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    let month = Month::try_from(u8::try_from(number(5, 7)?).ok()?).ok()?;
    let year = i32::try_from(number(0, 4)?).ok()?;
    let date = Date::from_calendar_date(year, month, u8::try_from(number(8, 10)?).ok()?).ok()?;
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = date.midnight().assume_utc().unix_timestamp() + i64::from(hour * 3600 + minute * 60 + second);
    (seconds >= 0).then_some(Micros(seconds * 1_000_000 + i64::from(number(20, 26)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_fixed_form_is_accepted() {
        assert_eq!(parse_time("1970-01-02T00:00:00.000001Z"), Some(Micros(DAY + 1)));
        for text in [
            "",
            "2026-11-27T15:20:38Z",
            "2026-11-27 15:20:38.123456Z",
            "2026-11-27T15:20:60.123456Z",
            "2026-11-27T24:20:38.123456Z",
            "2026-13-27T15:20:38.123456Z",
            "2023-02-29T15:20:38.123456Z",
            "+026-11-27T15:20:38.123456Z",
            "1969-12-31T23:59:59.999999Z",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn times_are_read_back(micros in 0..253_402_300_799_999_999_i64) {
            prop_assert_eq!(parse_time(&format_time(Micros(micros))), Some(Micros(micros)));
        }
    }
}
