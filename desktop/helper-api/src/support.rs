//! What the helper reports for a person who helps.

use serde::{Deserialize, Serialize};

/// What the helper configured, and the end of its log. It contains names and addresses, but no secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The parts, the log last.
    pub parts: Vec<Part>,
}

/// A part of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The command or the file that it is from.
    pub title: String,
    /// Its output or content, or why it cannot be read.
    pub content: String,
}
