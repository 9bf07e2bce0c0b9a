//! Logs and metrics. Times are microseconds since 1970 (UTC).

use super::{inputs, views, words};
use std::collections::BTreeMap;

words! {
    /// Severity.
    pub enum LogLevel {
        /// The service cannot do its work.
        Error,
        /// An operator should know.
        Warn,
        /// Changes of state.
        Info,
        /// Details for diagnosis.
        Debug,
        /// Everything.
        Trace,
    }

    /// Width of the intervals of a chart.
    pub enum LogStep {
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

    /// What the most frequent lines are grouped by.
    pub enum LogKey {
        /// The service.
        Service,
        /// The module path.
        Target,
        /// The text.
        Message,
    }

    /// Format of a file with log lines or rows of the audit trail.
    pub enum LogFormat {
        /// One JSON object for each.
        Jsonl,
        /// RFC 4180, with a heading.
        Csv,
    }

    /// Distance of stored points.
    pub enum MetricStep {
        /// One second, kept for an hour.
        Second,
        /// One minute, kept for seven days.
        Minute,
        /// One hour, kept for two years.
        Hour,
    }
}

views! {
    /// A log line.
    pub struct LogView {
        /// Position in the archive, for deletion.
        pub id: Option<String>,
        /// Time.
        pub time: i64,
        /// Severity.
        pub level: LogLevel,
        /// The service.
        pub service: String,
        /// Module path of the code.
        pub target: String,
        /// Text.
        pub message: String,
        /// The request during which it happened.
        pub request_id: Option<String>,
        /// Values, as text.
        pub fields: BTreeMap<String, String>,
    }

    /// Data of the event `lines` of a live tail.
    pub struct TailedLines {
        /// The lines in the order of their arrival.
        pub lines: Vec<LogView>,
        /// Lines, of any content, that were lost since the event before, because the reader was slow.
        pub missed: u64,
    }

    /// Data of the event `samples`: metrics of one second.
    pub struct SamplesView {
        /// Time of the samples.
        pub at: i64,
        /// Value by name.
        pub values: BTreeMap<String, f64>,
    }

    /// A number of lines.
    #[derive(Copy, Eq)]
    pub struct LogCount {
        /// The number.
        pub lines: u64,
    }

    /// Lines of one level in one interval.
    #[derive(Copy, Eq)]
    pub struct LevelCount {
        /// Begin of the interval.
        pub from: i64,
        /// The level.
        pub level: LogLevel,
        /// Number of lines.
        pub lines: u64,
    }

    /// One of the most frequent keys.
    pub struct TopView {
        /// The key.
        pub key: String,
        /// All lines.
        pub lines: u64,
        /// Lines of level `error`.
        pub errors: u64,
    }

    /// State of the archive.
    pub struct LogStatusView {
        /// Day files.
        pub days: u32,
        /// Their size, bytes.
        pub bytes: u64,
        /// Lines stored since the start of the service.
        pub stored: u64,
        /// Lines that could not be read.
        pub corrupt: u64,
        /// Lines whose sequence numbers are missing.
        pub missing: u64,
        /// Lines deleted by operators.
        pub deleted: u64,
        /// Bytes in log files that are not stored yet.
        pub behind: u64,
        /// Time of the newest stored line.
        pub newest: Option<i64>,
    }

    /// The history of a metric.
    pub struct SeriesView {
        /// The metric.
        pub name: String,
        /// Distance of points.
        pub step: MetricStep,
        /// Points in order of time.
        pub points: Vec<PointView>,
    }

    /// All samples of one interval.
    #[derive(Copy)]
    pub struct PointView {
        /// Begin of the interval.
        pub at: i64,
        /// Smallest sample.
        pub min: f64,
        /// Average.
        pub avg: f64,
        /// Largest sample.
        pub max: f64,
    }
}

inputs! {
    /// A page of log lines.
    #[derive(Default)]
    pub struct LogsQuery {
        /// A query in the query language; absent: all lines.
        #[serde(default)]
        pub text: Option<String>,
        /// Only lines at or after this time.
        #[serde(default)]
        pub from: Option<i64>,
        /// Only lines before this time.
        #[serde(default)]
        pub until: Option<i64>,
        /// True: oldest first.
        #[serde(default)]
        pub oldest_first: bool,
        /// `next` of the page before.
        #[serde(default)]
        pub cursor: Option<String>,
        /// Largest number of items, 1 to 1,000; default 100.
        #[serde(default)]
        pub limit: Option<u32>,
    }

    /// A set of log lines.
    #[derive(Default)]
    pub struct LogSelection {
        /// A query in the query language; absent: all lines.
        #[serde(default)]
        pub text: Option<String>,
        /// Only lines at or after this time.
        #[serde(default)]
        pub from: Option<i64>,
        /// Only lines before this time.
        #[serde(default)]
        pub until: Option<i64>,
    }

    /// A chart of log lines.
    pub struct LogChart {
        /// A query in the query language; absent: all lines.
        #[serde(default)]
        pub text: Option<String>,
        /// Begin.
        pub from: i64,
        /// End.
        pub until: i64,
        /// Width of the intervals.
        pub step: LogStep,
    }

    /// The most frequent lines.
    pub struct LogTop {
        /// A query in the query language; absent: all lines.
        #[serde(default)]
        pub text: Option<String>,
        /// Only lines at or after this time.
        #[serde(default)]
        pub from: Option<i64>,
        /// Only lines before this time.
        #[serde(default)]
        pub until: Option<i64>,
        /// The key.
        pub by: LogKey,
        /// Largest number of rows, 1 to 100; default 10.
        #[serde(default)]
        pub limit: Option<u32>,
    }

    /// A query with a name.
    #[derive(PartialEq)]
    pub struct SavedQuery {
        /// Name, 1 to 64 characters.
        pub name: String,
        /// Purpose, at most 256 characters.
        #[serde(default)]
        pub description: String,
        /// The query, in the query language.
        pub text: String,
    }

    /// Lines to delete. At least one of text, time range and ids is required.
    #[derive(Default)]
    pub struct DeleteLogs {
        /// A query in the query language.
        #[serde(default)]
        pub text: Option<String>,
        /// Only lines at or after this time.
        #[serde(default)]
        pub from: Option<i64>,
        /// Only lines before this time.
        #[serde(default)]
        pub until: Option<i64>,
        /// Only these lines, at most 1,000.
        #[serde(default)]
        pub ids: Option<Vec<String>>,
        /// True: only count the lines.
        #[serde(default)]
        pub dry_run: bool,
    }

    /// A live tail.
    #[derive(Default)]
    pub struct TailQuery {
        /// A query in the query language; absent: all lines.
        #[serde(default)]
        pub text: Option<String>,
    }

    /// Log lines as a file.
    pub struct ExportQuery {
        /// A query in the query language; absent: all lines.
        #[serde(default)]
        pub text: Option<String>,
        /// Only lines at or after this time.
        #[serde(default)]
        pub from: Option<i64>,
        /// Only lines before this time.
        #[serde(default)]
        pub until: Option<i64>,
        /// Format.
        pub format: LogFormat,
    }

    /// Live metrics.
    #[derive(Default)]
    pub struct LiveMetricsQuery {
        /// Names of metrics, separated by commas outside braces; absent: all.
        #[serde(default)]
        pub names: Option<String>,
    }

    /// A range of metrics.
    pub struct MetricsQuery {
        /// Names of metrics, separated by commas outside braces, 1 to 20.
        pub names: String,
        /// Begin.
        pub from: i64,
        /// End, not included.
        pub until: i64,
        /// Distance of points; absent: the finest that is kept for the whole range.
        #[serde(default)]
        pub step: Option<MetricStep>,
    }
}
