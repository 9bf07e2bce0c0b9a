//! Days and months in UTC.

use time::{Date, Month, UtcDateTime};
use tornado_shared::model::UnixSeconds;
use tornado_store::sessions::Span;

/// Seconds per day; Unix time has no leap seconds.
pub(super) const DAY: i64 = 86_400;

/// Month of a time (year times twelve plus month, from zero), and the start of the next month.
pub(crate) fn month_of(now: UnixSeconds) -> (i64, UnixSeconds) {
    // Times outside the range of the library are clamped to its limits.
    let known = now.clamp(UtcDateTime::MIN.unix_timestamp(), UtcDateTime::MAX.unix_timestamp());
    let date = UtcDateTime::from_unix_timestamp(known).unwrap_or(UtcDateTime::UNIX_EPOCH).date();
    let month = i64::from(date.year()) * 12 + i64::from(u8::from(date.month())) - 1;
    (month, first_of(month + 1))
}

/// First second of a month; the maximum if the library does not know the month.
fn first_of(month: i64) -> UnixSeconds {
    let (year, of_year) = (month.div_euclid(12), month.rem_euclid(12) + 1);
    let first = i32::try_from(year).ok().zip(u8::try_from(of_year).ok().and_then(|month| Month::try_from(month).ok()));
    let first = first.and_then(|(year, month)| Date::from_calendar_date(year, month, 1).ok());
    first.map_or(UnixSeconds::MAX, |date| date.midnight().as_utc().unix_timestamp())
}

/// Index and first second of the day and the month that contain `now`.
pub(crate) fn spans(now: UnixSeconds) -> [(Span, i64, UnixSeconds); 2] {
    let (day, (month, _)) = (now.div_euclid(DAY), month_of(now));
    [(Span::Day, day, day * DAY), (Span::Month, month, first_of(month))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_in_utc() {
        // date -u -d 'YEAR-MONTH-01' +%s
        for (year, month, first) in [
            (1970, 1, 0),
            (2000, 2, 949_363_200),
            (2000, 3, 951_868_800),
            (2024, 3, 1_709_251_200),
            (2026, 12, 1_796_083_200),
            (2027, 1, 1_798_761_600),
            (2100, 3, 4_107_542_400),
        ] {
            let number = year * 12 + month - 1;
            assert_eq!(first_of(number), first, "{year}-{month}");
            assert_eq!(month_of(first).0, number, "{year}-{month}");
            assert_eq!(month_of(first - 1), (number - 1, first), "the second before {year}-{month}");
        }
    }

    #[test]
    fn impossible_clock_values_have_a_month_too() {
        for now in [i64::MIN, -1_000_000_000_000, 1_000_000_000_000, i64::MAX] {
            let (month, next) = month_of(now);
            assert!(next > first_of(month), "{now}");
        }
    }

    #[test]
    fn days_and_months_begin_in_utc() {
        // 1 March 2024, 00:00:00.
        const MARCH: i64 = 1_709_251_200;
        let [day, month] = spans(MARCH);
        assert_eq!((day, month), ((Span::Day, MARCH / 86_400, MARCH), (Span::Month, 2024 * 12 + 2, MARCH)));
        let [day, month] = spans(MARCH - 1);
        assert_eq!((day.1, day.2), (MARCH / 86_400 - 1, MARCH - 86_400));
        assert_eq!((month.1, month.2), (2024 * 12 + 1, MARCH - 29 * 86_400));
    }
}
