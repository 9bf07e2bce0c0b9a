//! Lines and counts as text.

use super::args::level_word;
use std::fmt::Write as _;
use tornado_contracts::telemetry::Micros;
use tornado_contracts::telemetry::logs::{FieldValue, LogLine};
use tornado_log::line::format_time;

/// `2026-11-27T15:20:38.123456Z WARN  wg tornado_wg::peers: no free address lane=tor request=r-1`
pub fn line(line: &LogLine) -> String {
    let mut text =
        format!("{} {:<5} {} {}: {}", time(line.time), level_word(line.level), line.service, line.target, line.message);
    for (name, value) in &line.fields {
        // Writing to a string does not fail.
        let _ = write!(text, " {name}={}", field(value));
    }
    if let Some(request) = &line.request_id {
        let _ = write!(text, " request={request}");
    }
    text
}

/// Quoted if it is a text with spaces.
fn field(value: &FieldValue) -> String {
    match value {
        FieldValue::Bool(flag) => flag.to_string(),
        FieldValue::Int(number) => number.to_string(),
        FieldValue::Real(number) => number.to_string(),
        FieldValue::Text(text) if text.is_empty() || text.contains([' ', '"']) => format!("{text:?}"),
        FieldValue::Text(text) => text.clone(),
    }
}

/// The time of a line.
pub fn time(time: Micros) -> String {
    format_time(tornado_log::line::Micros(time))
}

/// The begin of an interval, to the minute.
pub fn minute(from: Micros) -> String {
    let mut text = time(from);
    text.truncate("2026-11-27T15:20".len());
    text + "Z"
}

/// Errors among lines, in percent.
pub fn rate(errors: u64, lines: u64) -> String {
    let tenths = u128::from(errors) * 1000 / u128::from(lines.max(1));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_contracts::telemetry::logs::LogLevel;

    #[test]
    fn a_line_shows_its_fields_and_its_request() {
        let one = LogLine {
            id: None,
            time: 1_795_792_838_123_456,
            level: LogLevel::Warn,
            service: "wg".into(),
            target: "tornado_wg::peers".into(),
            message: "no free address".into(),
            request_id: Some("r-1".into()),
            process: "00000000000000ab".into(),
            seq: 7,
            fields: [
                ("lane".to_owned(), FieldValue::Text("tor".into())),
                ("why".to_owned(), FieldValue::Text("pool is full".into())),
                ("tries".to_owned(), FieldValue::Int(3)),
            ]
            .into(),
        };
        assert_eq!(
            line(&one),
            "2026-11-27T15:20:38.123456Z WARN  wg tornado_wg::peers: no free address lane=tor tries=3 \
             why=\"pool is full\" request=r-1"
        );
        assert_eq!((minute(one.time), rate(1, 3)), ("2026-11-27T15:20Z".to_owned(), "33.3 %".to_owned()));
    }
}
