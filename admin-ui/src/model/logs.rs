//! Logs.

use serde::{Deserialize, Serialize};

/// Time that the page covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Range {
    /// A quarter of an hour.
    Quarter,
    /// One hour.
    #[default]
    Hour,
    /// 24 hours.
    Day,
    /// Seven days.
    Week,
}

impl Range {
    /// All, shortest first.
    pub const ALL: [Self; 4] = [Self::Quarter, Self::Hour, Self::Day, Self::Week];

    /// Its word in the address.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Quarter => "15m",
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
        }
    }

    /// Its length in seconds.
    pub const fn seconds(self) -> i64 {
        match self {
            Self::Quarter => 900,
            Self::Hour => 3600,
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
        }
    }

    /// The range of a word; one hour for any other.
    pub fn of_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|range| range.word() == word).unwrap_or_default()
    }
}

/// What the page shows: from its address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// The query in the words of the query bar.
    pub text: Option<String>,
    /// Time that the page covers.
    pub range: Range,
    /// Where the part starts.
    pub cursor: Option<String>,
}

/// Severity of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the levels of tracing")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    /// The level of a word; `info` for any other.
    pub fn of_word(word: &str) -> Self {
        let all = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error];
        all.into_iter().find(|level| level.word() == word).unwrap_or(Self::Info)
    }

    /// Its word: the same in all languages, as in the log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub at: i64,
    /// Severity.
    pub level: Level,
    /// Service that wrote it.
    pub service: String,
    /// The message.
    pub message: String,
    /// Fields, name and value.
    pub fields: Vec<(String, String)>,
}

/// Lines of an interval by severity; lines below info count as info.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// Lines of level info and below.
    pub info: u64,
    /// Lines of level warn.
    pub warn: u64,
    /// Lines of level error.
    pub error: u64,
}

/// A saved query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedQuery {
    /// Its name.
    pub name: String,
    /// The query.
    pub text: String,
}

/// The lines, with their course.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logs {
    /// Newest first.
    pub lines: Vec<Line>,
    /// Lines in equal intervals of the range, oldest first.
    pub histogram: Vec<Interval>,
    /// Lines by service, most first.
    pub by_service: Vec<(String, u64)>,
    /// Saved queries by name.
    pub saved: Vec<SavedQuery>,
    /// What is wrong with the query, if it cannot be parsed.
    pub problem: Option<String>,
    /// Cursor of the next part.
    pub next: Option<String>,
    /// When the lines were read.
    pub as_of: i64,
}

/// Lines to delete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The query; none: all lines.
    pub text: Option<String>,
    /// The time up to now.
    pub range: Range,
}

/// What a deletion would delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// How many lines.
    pub lines: u64,
    /// Begin of their time.
    pub from: i64,
    /// Its end, not included.
    pub until: i64,
}
