//! Times on the command line.

use tornado_contracts::telemetry::Micros;
use tornado_log::line::parse_time;
use tornado_runtime::clock::wall_clock;

/// A time span before now (`90s`, `30m`, `2h`, `7d`, `4w`), or a date with an optional time (UTC).
pub fn parse_when(text: &str) -> Result<Micros, String> {
    parse(text, tornado_log::line::Micros::from(wall_clock()).0)
}

fn parse(text: &str, now: Micros) -> Result<Micros, String> {
    let bad = || format!("'{text}' is not a time; write 30m, 2h or 7d for a time before now, or 2026-11-27T15:20:00Z");
    if text.contains('-') {
        return date(text).ok_or_else(bad);
    }
    let unit = text.chars().last().ok_or_else(bad)?;
    let seconds: i64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(bad()),
    };
    let number: u32 = text.strip_suffix(unit).and_then(|number| number.parse().ok()).ok_or_else(bad)?;
    Ok(now.saturating_sub(i64::from(number) * seconds * 1_000_000))
}

/// Completes a date to the form in which lines have their times.
fn date(text: &str) -> Option<Micros> {
    const FORM: &str = "0000-00-00T00:00:00.000000Z";
    let text = text.trim_end_matches('Z').replace(' ', "T");
    // A date, or a time to the minute, the second or a fraction.
    if !matches!(text.len(), 10 | 16 | 19 | 21..=26) {
        return None;
    }
    let whole = format!("{text}{}", FORM.get(text.len()..)?);
    parse_time(&whole).map(|time| time.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-27T15:20:38.123456Z.
    const NOW: Micros = 1_795_792_838_123_456;

    #[test]
    fn spans_count_back_from_now_and_dates_are_in_utc() {
        assert_eq!(parse("90s", NOW), Ok(NOW - 90_000_000));
        assert_eq!(parse("2h", NOW), Ok(NOW - 7_200_000_000));
        for text in ["2026-11-27T15:20:38.123456Z", "2026-11-27 15:20:38.123456"] {
            assert_eq!(parse(text, 0), Ok(NOW), "{text}");
        }
        assert_eq!(parse("2026-11-27T15:20Z", 0), Ok(NOW - 38_123_456));
        assert_eq!(parse("2026-11-27", 0), Ok(1_795_737_600_000_000));
        for text in ["", "5", "h", "1.5h", "-1h", "yesterday", "2026-11", "2026-13-01", "2026-11-27T25:00", "7é"] {
            assert!(parse(text, NOW).is_err(), "{text}");
        }
    }
}
