//! Arguments of `tornadod logs`.

use super::when::parse_when;
use crate::commands::args::Format;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use tornado_contracts::telemetry::Micros;
use tornado_contracts::telemetry::logs::{ExportFormat, LogLevel, Selection, Step, TopKey};
use tornado_log::line::is_service;
use tornado_rpc::RequestId;

/// `tornadod logs …`
#[derive(Debug, Subcommand)]
pub enum Logs {
    /// Print lines that match, the newest last.
    Query {
        #[command(flatten)]
        filter: Filter,
        /// Number of lines.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        /// Begin with the oldest lines of the time range instead of the newest.
        #[arg(long)]
        oldest: bool,
        /// Print one JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// Count lines that match.
    Count {
        #[command(flatten)]
        filter: Filter,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Count lines and errors by interval and service.
    Aggregate {
        #[command(flatten)]
        chart: ChartArgs,
    },
    /// Count lines by interval and level.
    Histogram {
        #[command(flatten)]
        chart: ChartArgs,
    },
    /// Show the most frequent services, targets or messages with their rate of errors.
    Top {
        #[command(flatten)]
        filter: Filter,
        /// What to group by.
        #[arg(long, value_enum, default_value = "message")]
        by: By,
        /// Number of rows.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Follow new lines that match.
    Tail {
        #[command(flatten)]
        filter: Origin,
        /// Print one JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// Write lines that match to a file or to standard output, the oldest first.
    Export {
        #[command(flatten)]
        filter: Filter,
        /// Format of the file.
        #[arg(long, value_enum, default_value = "jsonl")]
        format: FileFormat,
        /// The file to write. It must not exist.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Stop after this number of lines.
        #[arg(long, default_value_t = 10_000_000)]
        limit: u64,
    },
    /// Delete lines that match. The deletion is recorded in the audit trail.
    Delete {
        #[command(flatten)]
        filter: Filter,
        /// Only lines with these ids, as `query --json` prints them.
        #[arg(long = "id", value_name = "ID")]
        ids: Vec<String>,
        /// Only count the lines.
        #[arg(long)]
        dry_run: bool,
    },
    /// Save a query under a name.
    Save {
        /// Name, 1 to 64 characters. An existing query with this name is replaced.
        name: String,
        /// The query.
        text: String,
        /// Its purpose.
        #[arg(long, default_value = "")]
        description: String,
    },
    /// List saved queries.
    Saved(Format),
    /// Run a saved query.
    Run {
        /// Its name.
        name: String,
        #[command(flatten)]
        range: Range,
        /// Number of lines.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
        /// Print one JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// Delete a saved query.
    Forget {
        /// Its name.
        name: String,
    },
    /// Show what is stored, and what is missing.
    Status(Format),
}

/// Time range.
#[derive(Debug, Default, Args)]
pub struct Range {
    /// Only lines from this time on: 90s, 30m, 2h, 7d or 4w ago, or a date and time such as 2026-11-27T15:20:00Z (UTC).
    #[arg(long, value_name = "TIME", value_parser = parse_when)]
    pub since: Option<Micros>,
    /// Only lines before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_when)]
    pub until: Option<Micros>,
}

/// Query and origin of lines.
#[derive(Debug, Default, Args)]
pub struct Origin {
    /// The query: words, "phrases", prefix*, level>=warn, field.lane:tor, AND, OR, NOT, parentheses.
    #[arg(default_value = "")]
    pub text: String,
    /// Only lines of this level or a more severe one: error, warn, info, debug or trace.
    #[arg(long, value_enum)]
    pub level: Option<Level>,
    /// Only lines of this service, or of master.
    #[arg(long, value_parser = parse_service)]
    pub service: Option<String>,
    /// Only lines of this request, as in the header X-Request-Id.
    #[arg(long, value_name = "ID", value_parser = parse_request)]
    pub request: Option<String>,
}

/// A set of lines.
#[derive(Debug, Default, Args)]
pub struct Filter {
    #[command(flatten)]
    pub origin: Origin,
    #[command(flatten)]
    pub range: Range,
}

/// A set of lines and the width of its intervals.
#[derive(Debug, Args)]
pub struct ChartArgs {
    #[command(flatten)]
    pub filter: Filter,
    /// Width of an interval.
    #[arg(long, value_enum, default_value = "1h")]
    pub step: Width,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Severity.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// What `top` groups by.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum By {
    Service,
    Target,
    Message,
}

/// Format of an export.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum FileFormat {
    /// One JSON object per line.
    Jsonl,
    /// Comma-separated values with a heading (RFC 4180).
    Csv,
}

/// Width of an interval.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Width {
    /// One minute.
    #[value(name = "1m")]
    Minute,
    /// Five minutes.
    #[value(name = "5m")]
    FiveMinutes,
    /// A quarter of an hour.
    #[value(name = "15m")]
    QuarterHour,
    /// One hour.
    #[value(name = "1h")]
    Hour,
    /// One day (UTC).
    #[value(name = "1d")]
    Day,
}

fn parse_service(text: &str) -> Result<String, String> {
    let bad = || format!("'{text}' is not the name of a service");
    is_service(text).then(|| text.to_owned()).ok_or_else(bad)
}

fn parse_request(text: &str) -> Result<String, String> {
    let bad = || format!("'{text}' is not a request id; it has 1 to 64 letters, digits and -_.");
    RequestId::parse(text).map(|id| id.to_string()).ok_or_else(bad)
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl Origin {
    /// The query in the query language.
    pub fn query(&self) -> String {
        let text = self.text.trim();
        let conditions = [
            self.level.map(|level| format!("level>={}", level.word())),
            self.service.as_ref().map(|service| format!("service:{service}")),
            self.request.as_ref().map(|request| format!("request:{request}")),
        ];
        let conditions: Vec<String> = conditions.into_iter().flatten().collect();
        match (text.is_empty(), conditions.is_empty()) {
            (_, true) => text.to_owned(),
            (true, false) => conditions.join(" "),
            (false, false) => format!("({text}) {}", conditions.join(" ")),
        }
    }
}

impl Filter {
    /// As the contract has it.
    pub fn selection(&self) -> Selection {
        Selection { text: self.origin.query(), from: self.range.since, until: self.range.until }
    }
}

impl From<By> for TopKey {
    fn from(by: By) -> Self {
        match by {
            By::Service => Self::Service,
            By::Target => Self::Target,
            By::Message => Self::Message,
        }
    }
}

impl From<FileFormat> for ExportFormat {
    fn from(format: FileFormat) -> Self {
        match format {
            FileFormat::Jsonl => Self::Jsonl,
            FileFormat::Csv => Self::Csv,
        }
    }
}

impl From<Width> for Step {
    fn from(width: Width) -> Self {
        match width {
            Width::Minute => Self::Minute,
            Width::FiveMinutes => Self::FiveMinutes,
            Width::QuarterHour => Self::QuarterHour,
            Width::Hour => Self::Hour,
            Width::Day => Self::Day,
        }
    }
}

/// The word for a level in the output.
pub const fn level_word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "ERROR",
        LogLevel::Warn => "WARN",
        LogLevel::Info => "INFO",
        LogLevel::Debug => "DEBUG",
        LogLevel::Trace => "TRACE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_conditions_of_the_query() {
        let origin = |text: &str, service: Option<&str>| Origin {
            text: text.into(),
            level: Some(Level::Warn),
            service: service.map(Into::into),
            request: None,
        };
        assert_eq!(origin("a OR b", Some("wg")).query(), "(a OR b) level>=warn service:wg");
        assert_eq!(origin(" ", None).query(), "level>=warn");
        assert_eq!(Origin { text: " a ".into(), ..Origin::default() }.query(), "a");
        assert_eq!(Origin::default().query(), "");
    }

    #[test]
    fn names_with_syntax_in_them_are_rejected() {
        assert_eq!(parse_service("client-api"), Ok("client-api".into()));
        assert_eq!(parse_request("r_1.2-3"), Ok("r_1.2-3".into()));
        for text in ["", "a b", "a\" OR level:info", "a)"] {
            assert!(parse_service(text).is_err() && parse_request(text).is_err(), "{text}");
        }
    }
}
