//! Logs.

use super::Values;
use serde::{Deserialize, Serialize};

/// What the page shows: from its address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// The query in the words of the query bar.
    pub text: Option<String>,
    /// Where the part starts.
    pub cursor: Option<String>,
}

/// Severity of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the levels of tracing")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    /// Its word: the same in all languages, as in the log.
    pub const fn word(self) -> &'static str {
        match self {
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

/// The lines, with their course.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logs {
    /// Newest first.
    pub lines: Vec<Line>,
    /// Lines per minute.
    pub per_minute: Values,
    /// Lines by service, most first.
    pub by_service: Vec<(String, u64)>,
    /// What is wrong with the query, if it cannot be parsed.
    pub problem: Option<String>,
    /// Cursor of the next part.
    pub next: Option<String>,
    /// When the lines were read.
    pub as_of: i64,
}
