//! Logs: queries, live tail, export, deletion.

use super::{Micros, TelemetryError};
use crate::ServiceName;
use crate::auth::Acting;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tornado_rpc::{Done, NoInput};

/// Severity of a line, the most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
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

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FieldValue {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Real(f64),
    /// Text.
    Text(String),
}

/// A stored line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// Position in the archive, for paging and deletion; absent in a live tail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Time of the event.
    pub time: Micros,
    /// Severity.
    pub level: LogLevel,
    /// The service that wrote the line.
    pub service: String,
    /// Module path of the code.
    pub target: String,
    /// Text.
    pub message: String,
    /// The request during which the event happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Id of the process.
    pub process: String,
    /// Sequence number in the process.
    pub seq: u64,
    /// Values of the event.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, FieldValue>,
}

/// A set of lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// A query in the query language, at most 1,024 bytes; empty: all lines.
    #[serde(default)]
    pub text: String,
    /// Only lines at or after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Micros>,
    /// Only lines before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Micros>,
}

/// Order of lines by time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Newest first.
    #[default]
    Newest,
    /// Oldest first.
    Oldest,
}

/// Input of [`Logs::query`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogQuery {
    /// The lines.
    #[serde(flatten)]
    pub select: Selection,
    /// Order.
    #[serde(default)]
    pub order: Order,
    /// Largest number of lines, 1 to 1,000.
    #[serde(default = "page")]
    pub limit: u32,
    /// [`LogPage::next`] of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

const fn page() -> u32 {
    100
}

/// One page of lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogPage {
    /// The lines in the requested order.
    pub lines: Vec<LogLine>,
    /// Cursor of the next page; `None`: this is the last one.
    pub next: Option<String>,
}

/// Number of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The number.
    pub lines: u64,
}

/// Width of the buckets of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// One minute.
    Minute,
    /// Five minutes.
    FiveMinutes,
    /// A quarter of an hour.
    QuarterHour,
    /// One hour.
    Hour,
    /// One day (UTC).
    Day,
}

impl Step {
    /// Width in microseconds.
    #[must_use]
    pub const fn micros(self) -> Micros {
        let minutes = match self {
            Self::Minute => 1,
            Self::FiveMinutes => 5,
            Self::QuarterHour => 15,
            Self::Hour => 60,
            Self::Day => 1440,
        };
        minutes * 60_000_000
    }
}

/// Input of [`Logs::aggregate`] and [`Logs::histogram`]. `from` and `until` are required, at most 2,000 steps apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chart {
    /// The lines.
    #[serde(flatten)]
    pub select: Selection,
    /// Width of a bucket.
    pub step: Step,
}

/// Lines of one service in one interval. Intervals without lines are absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceBucket {
    /// Begin of the interval.
    pub from: Micros,
    /// The service.
    pub service: String,
    /// All lines.
    pub lines: u64,
    /// Lines of level `error`.
    pub errors: u64,
}

/// Lines of one level in one interval. Intervals without lines are absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelBucket {
    /// Begin of the interval.
    pub from: Micros,
    /// The level.
    pub level: LogLevel,
    /// Number of lines.
    pub lines: u64,
}

/// What [`Logs::top`] groups by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TopKey {
    /// The service.
    Service,
    /// The module path.
    Target,
    /// The text.
    Message,
}

/// Input of [`Logs::top`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Top {
    /// The lines.
    #[serde(flatten)]
    pub select: Selection,
    /// The key.
    pub by: TopKey,
    /// Largest number of rows, 1 to 100.
    pub limit: u32,
}

/// One of the most frequent keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopRow {
    /// The key.
    pub key: String,
    /// All lines.
    pub lines: u64,
    /// Lines of level `error`.
    pub errors: u64,
}

/// A query with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedQuery {
    /// Name, 1 to 64 characters.
    pub name: String,
    /// Purpose, at most 256 characters.
    #[serde(default)]
    pub description: String,
    /// The query, in the query language.
    pub text: String,
}

/// The name of a saved query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryName {
    /// The name.
    pub name: String,
}

/// Input of [`Logs::run_query`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunQuery {
    /// Name of the saved query.
    pub name: String,
    /// Time range, order and page. Its text is ignored.
    #[serde(flatten)]
    pub page: LogQuery,
}

/// Format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// One JSON object per line.
    Jsonl,
    /// RFC 4180, with a heading.
    Csv,
}

/// Input of [`Logs::export`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// The lines, oldest first.
    #[serde(flatten)]
    pub select: Selection,
    /// Format.
    pub format: ExportFormat,
    /// [`ExportPart::next`] of the part before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// One part of an export. The file is the parts' texts in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportPart {
    /// Text of at most 1,000 lines.
    pub text: String,
    /// Number of log lines in this part.
    pub lines: u64,
    /// Cursor of the next part; `None`: this is the last one.
    pub next: Option<String>,
}

/// Input of [`Logs::tail`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail {
    /// A query in the query language; empty: all lines.
    #[serde(default)]
    pub text: String,
    /// [`TailPage::next`] of the page before; absent: lines from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// Lines that arrived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TailPage {
    /// At most 500 lines in the order of their arrival; empty if none arrived within 20 seconds.
    pub lines: Vec<LogLine>,
    /// Position of the next page.
    pub next: u64,
    /// Lines, of any content, that arrived since the page before and are no longer held, because the reader was slow.
    pub missed: u64,
}

/// Input of [`Logs::delete`]. At least one of text, time range and ids is required.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteLogs {
    /// The lines.
    #[serde(flatten)]
    pub select: Selection,
    /// Only these lines, at most 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
    /// True: only count the lines.
    #[serde(default)]
    pub dry_run: bool,
}

/// A file with logs that could not be read and was set aside, or lines that are missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogGap {
    /// Time at which the gap was found.
    pub found_at: Micros,
    /// The service, or the file.
    pub source: String,
    /// Number of missing lines, if known. That of a damaged file becomes smaller while its lines are read again.
    pub lines: Option<u64>,
    /// Description.
    pub reason: String,
}

/// State of the archive. Counters begin at the start of the service; gaps are kept over restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStatus {
    /// Day files.
    pub days: u32,
    /// Their size in bytes.
    pub bytes: u64,
    /// Day files that were set aside because they were damaged.
    pub damaged_days: u64,
    /// Lines stored.
    pub stored: u64,
    /// Lines that were stored already, and were read again after a restart.
    pub repeated: u64,
    /// Lines that are not in the log format, or too long.
    pub corrupt: u64,
    /// Lines that were older than the retention time, or from the future.
    pub out_of_range: u64,
    /// Lines whose sequence numbers are missing.
    pub missing: u64,
    /// Lines deleted by operators.
    pub deleted: u64,
    /// Failed attempts to store a batch, for example on a full disk.
    pub failed_writes: u64,
    /// Bytes in log files that are not stored yet.
    pub behind: u64,
    /// How often the clock was set by a minute or more: forwards while `telemetry` ran, or back between two lines of a
    /// process.
    pub clock_jumps: u64,
    /// Time of the newest stored line.
    pub newest: Option<Micros>,
    /// The latest gaps, at most 100, newest first.
    pub gaps: Vec<LogGap>,
}

tornado_rpc::contract! {
    /// The log archive.
    trait Logs, client LogsClient, error TelemetryError, callers ServiceName {
        /// Lines that match.
        query(Acting<LogQuery>) -> LogPage = POST "/v1/logs/query", within 15, up to 8_192, for [Admin];
        /// Number of lines that match.
        count(Acting<Selection>) -> Count = POST "/v1/logs/count", within 15, up to 8_192, for [Admin];
        /// Lines and errors by interval and service.
        aggregate(Acting<Chart>) -> Vec<ServiceBucket> = POST "/v1/logs/aggregate", within 15, up to 8_192, for [Admin];
        /// Lines by interval and level.
        histogram(Acting<Chart>) -> Vec<LevelBucket> = POST "/v1/logs/histogram", within 15, up to 8_192, for [Admin];
        /// The most frequent services, targets or messages.
        top(Acting<Top>) -> Vec<TopRow> = POST "/v1/logs/top", within 15, up to 8_192, for [Admin];
        /// Saves a query under its name; replaces an older one.
        save_query(Acting<SavedQuery>) -> Done = PUT "/v1/logs/saved", within 10, up to 8_192, for [Admin];
        /// Saved queries by name.
        saved_queries(Acting<NoInput>) -> Vec<SavedQuery> = POST "/v1/logs/saved/list", within 10, up to 4_096, for [Admin];
        /// Runs a saved query.
        run_query(Acting<RunQuery>) -> LogPage = POST "/v1/logs/saved/run", within 15, up to 8_192, for [Admin];
        /// Deletes a saved query.
        delete_query(Acting<QueryName>) -> Done = POST "/v1/logs/saved/delete", within 10, up to 4_096, for [Admin];
        /// One part of an export.
        export(Acting<Export>) -> ExportPart = POST "/v1/logs/export", within 15, up to 8_192, for [Admin];
        /// Waits for new lines that match.
        tail(Acting<Tail>) -> TailPage = POST "/v1/logs/tail", within 30, up to 8_192, for [Admin];
        /// Deletes lines, or counts what would be deleted. Only for owners.
        delete(Acting<DeleteLogs>) -> Count = POST "/v1/logs/delete", within 60, up to 65_536, for [Admin];
        /// State of the archive.
        status(NoInput) -> LogStatus = GET "/v1/logs/status", within 10, up to 0, for [Admin];
    }
}
