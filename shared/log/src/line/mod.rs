//! The format of a log line: one JSON object on one line, with stable field names.
//!
//! | name | content |
//! |---|---|
//! | `time` | UTC, `2026-11-27T15:20:38.123456Z` |
//! | `level` | `ERROR`, `WARN`, `INFO`, `DEBUG`, `TRACE` |
//! | `service` | name of the service, as on the command line |
//! | `target` | module path of the code |
//! | `message` | text |
//! | `request_id` | id of the request, absent outside of requests |
//! | `process` | id of the process, 16 hex digits |
//! | `seq` | sequence number of the line in its process: 1, 2, 3, …; a gap is a line that was not written |
//! | `fields` | values of the event and its spans, absent without any |
//!
//! Readers ignore unknown names. Bytes of a file are hostile: [`Line::parse`] limits every part.

mod text;
mod time;
mod value;

pub use self::time::{DAY, Micros, format_time, parse_time};
pub use text::{MAX_FIELDS, MAX_MESSAGE, MAX_VALUE};
pub use value::Value;

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use text::{shortened, without_controls};

/// Longest line in bytes, without its end.
pub const MAX_LINE: usize = 32 * 1024;
/// Severity, the most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// The service cannot do its work.
    Error,
    /// The service works, but an operator should know.
    Warn,
    /// Changes of state.
    Info,
    /// Details for diagnosis.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// All levels, the most severe first.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// 1 for `Error` to 5 for `Trace`.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Error => 1,
            Self::Warn => 2,
            Self::Info => 3,
            Self::Debug => 4,
            Self::Trace => 5,
        }
    }

    /// The level with this [`number`](Self::number).
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|level| i64::from(level.number()) == number)
    }
}

impl From<&tracing::Level> for Level {
    fn from(level: &tracing::Level) -> Self {
        match *level {
            tracing::Level::ERROR => Self::Error,
            tracing::Level::WARN => Self::Warn,
            tracing::Level::INFO => Self::Info,
            tracing::Level::DEBUG => Self::Debug,
            tracing::Level::TRACE => Self::Trace,
        }
    }
}

/// The id of a process: 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessId(pub u64);

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl ProcessId {
    /// Parses 16 lower-case hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        is_hex.then(|| u64::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

/// Values by name.
pub type Fields = BTreeMap<String, Value>;

/// A valid line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Time of the event.
    pub time: Micros,
    /// Severity.
    pub level: Level,
    /// The service that wrote the line.
    pub service: String,
    /// Module path of the code.
    pub target: String,
    /// Text without control characters.
    pub message: String,
    /// The request during which the event happened.
    pub request_id: Option<String>,
    /// The process that wrote the line.
    pub process: ProcessId,
    /// Sequence number in the process, from 1.
    pub seq: u64,
    /// Values of the event.
    pub fields: Fields,
}

/// Why bytes are not a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The line exceeds [`MAX_LINE`].
    #[error("the line is too long")]
    Long,
    /// Not a JSON object with the required names and types.
    #[error("the line is not a JSON object of the log format")]
    Json,
    /// A value is outside of its range.
    #[error("'{0}' is not valid")]
    Invalid(&'static str),
}

/// The line as it is written.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    time: Cow<'a, str>,
    level: Level,
    #[serde(borrow)]
    service: Cow<'a, str>,
    #[serde(borrow)]
    target: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    request_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    process: Cow<'a, str>,
    seq: u64,
    #[serde(default, skip_serializing_if = "is_empty")]
    fields: Cow<'a, Fields>,
}

#[expect(clippy::ptr_arg, reason = "serde passes the type of the field")]
fn is_empty(fields: &Cow<'_, Fields>) -> bool {
    fields.is_empty()
}

impl Line {
    /// Parses a line without its end.
    ///
    /// # Errors
    /// When the bytes are not a valid line.
    pub fn parse(bytes: &[u8]) -> Result<Self, LineError> {
        if bytes.len() > MAX_LINE {
            return Err(LineError::Long);
        }
        let wire: Wire<'_> = serde_json::from_slice(bytes).map_err(|_| LineError::Json)?;
        let valid = |is_valid: bool, name| if is_valid { Ok(()) } else { Err(LineError::Invalid(name)) };
        valid(is_service(&wire.service), "service")?;
        valid(is_target(&wire.target), "target")?;
        valid(wire.message.len() <= MAX_MESSAGE, "message")?;
        valid(wire.request_id.as_deref().is_none_or(is_request_id), "request_id")?;
        valid(wire.seq > 0 && i64::try_from(wire.seq).is_ok(), "seq")?;
        let fits = |(name, value): (&String, &Value)| is_field(name) && value.is_bounded();
        valid(wire.fields.len() <= MAX_FIELDS && wire.fields.iter().all(fits), "fields")?;
        let mut fields = wire.fields.into_owned();
        fields.values_mut().for_each(Value::remove_controls);
        Ok(Self {
            time: parse_time(&wire.time).ok_or(LineError::Invalid("time"))?,
            level: wire.level,
            service: wire.service.into_owned(),
            target: wire.target.into_owned(),
            message: without_controls(&wire.message).into_owned(),
            request_id: wire.request_id.map(Cow::into_owned),
            process: ProcessId::parse(&wire.process).ok_or(LineError::Invalid("process"))?,
            seq: wire.seq,
            fields,
        })
    }

    /// The JSON text, without a line end. A line that would exceed a limit is shortened, so that [`parse`](Self::parse)
    /// always accepts the result. A fraction may differ in its last digit after it was read.
    #[must_use]
    pub fn to_json(&self) -> String {
        let whole = self.written(MAX_MESSAGE, MAX_VALUE);
        if whole.len() <= MAX_LINE {
            return whole;
        }
        // Quotes and backslashes take two bytes each.
        self.written(MAX_MESSAGE / 4, MAX_VALUE / 8)
    }

    fn written(&self, message: usize, value: usize) -> String {
        let fields: Fields = self
            .fields
            .iter()
            .filter(|(name, _)| is_field(name))
            .take(MAX_FIELDS)
            .map(|(name, text)| (name.clone(), text.shortened(value)))
            .collect();
        let wire = Wire {
            time: format_time(self.time).into(),
            level: self.level,
            service: (&self.service).into(),
            target: if is_target(&self.target) { (&self.target).into() } else { "unknown".into() },
            message: shortened(&without_controls(&self.message), message).into_owned().into(),
            request_id: self.request_id.as_deref().filter(|id| is_request_id(id)).map(Cow::Borrowed),
            process: self.process.to_string().into(),
            seq: self.seq,
            fields: Cow::Owned(fields),
        };
        serde_json::to_string(&wire).unwrap_or_default()
    }
}

/// True for a name of a service: `a-z`, `0-9` and `-`, at most 32 characters.
#[must_use]
pub fn is_service(name: &str) -> bool {
    let is_valid = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=32).contains(&name.len()) && name.bytes().all(is_valid)
}

/// True for a target: visible ASCII, at most 128 characters.
#[must_use]
pub fn is_target(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic())
}

/// True for a request id: letters, digits and `-_.`, at most 64 characters.
#[must_use]
pub fn is_request_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// True for a field name: letters, digits and `-_.`, at most 64 characters.
#[must_use]
pub fn is_field(name: &str) -> bool {
    is_request_id(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line() -> Line {
        Line {
            time: Micros(1_795_792_838_123_456),
            level: Level::Warn,
            service: "client-api".into(),
            target: "tornado_client_api::routes".into(),
            message: "a device was rejected".into(),
            request_id: Some("01JD-x".into()),
            process: ProcessId(0xab),
            seq: 7,
            fields: [("count".to_owned(), Value::Int(3)), ("why".to_owned(), Value::Text("token expired".into()))]
                .into(),
        }
    }

    #[test]
    fn the_format_stays_as_it_is() {
        let text = r#"{"time":"2026-11-27T15:20:38.123456Z","level":"WARN","service":"client-api","target":"tornado_client_api::routes","message":"a device was rejected","request_id":"01JD-x","process":"00000000000000ab","seq":7,"fields":{"count":3,"why":"token expired"}}"#;
        assert_eq!(line().to_json(), text);
        assert_eq!(Line::parse(text.as_bytes()), Ok(line()));
        let newer = text.replacen('{', r#"{"new":[{"deep":null}],"#, 1);
        assert_eq!(Line::parse(newer.as_bytes()), Ok(line()), "unknown names are ignored");
    }

    #[test]
    fn values_outside_of_their_range_are_rejected() {
        let text = line().to_json();
        for (old, new) in [
            ("client-api", "../etc"),
            ("tornado_client_api::routes", "a b"),
            ("01JD-x", "a'--"),
            ("00000000000000ab", "ab"),
            ("\"seq\":7", "\"seq\":0"),
            ("\"seq\":7", "\"seq\":-1"),
            ("\"count\":3", "\"count\":[3]"),
            ("\"count\":3", "\"a b\":3"),
            ("2026-11-27T15", "2026-02-30T15"),
            ("WARN", "warn"),
            ("\"seq\":7,", ""),
        ] {
            let changed = text.replacen(old, new, 1);
            assert!(Line::parse(changed.as_bytes()).is_err(), "{changed}");
        }
        assert_eq!(Line::parse(&[b' '; MAX_LINE + 1]), Err(LineError::Long));
        let deep = format!("{{\"x\":{}", "[".repeat(10_000));
        assert_eq!(Line::parse(deep.as_bytes()), Err(LineError::Json));
    }

    #[test]
    fn a_huge_event_is_shortened_to_a_valid_line() {
        let mut huge = line();
        huge.message = "\"é\n".repeat(20_000);
        huge.fields = (0..200).map(|n| (format!("f{n:03}"), Value::Text("\\".repeat(90_000)))).collect();
        let text = huge.to_json();
        assert!(text.len() <= MAX_LINE && !text.contains('\n'));
        let read = Line::parse(text.as_bytes()).unwrap();
        assert_eq!((read.fields.len(), read.message.contains('\n')), (MAX_FIELDS, false));
    }

    proptest! {
        #[test]
        fn every_event_becomes_a_line_that_is_read_back(message in ".{0,200}", name in "[a-z_]{1,9}", text in ".{0,50}",
            number: i64, eighths: i32, flag: bool, time in 0..4_000_000_000_000_000_i64, seq in 1..u64::MAX / 4) {
            let mut one = line();
            (one.message, one.time, one.seq) = (message, Micros(time), seq);
            one.fields.insert(name, Value::Text(text));
            one.fields.insert("n".into(), Value::Int(number));
            one.fields.insert("r".into(), Value::real(f64::from(eighths) / 8.0));
            one.fields.insert("b".into(), Value::Bool(flag));
            let read = Line::parse(one.to_json().as_bytes()).unwrap();
            prop_assert_eq!(read.to_json(), one.to_json());
        }

        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>) {
            let _ = Line::parse(&bytes);
        }
    }
}
