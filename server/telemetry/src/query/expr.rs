//! Expressions and their limits.

use tornado_log::line::{Level, ProcessId};

/// Longest query in bytes.
pub const MAX_TEXT: usize = 1024;
/// Largest number of terms.
pub const MAX_TERMS: usize = 64;
/// Deepest nesting.
pub const MAX_DEPTH: usize = 16;

/// A condition on a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// All of these; true if empty.
    And(Vec<Expr>),
    /// At least one of these; not empty.
    Or(Vec<Expr>),
    /// Not this.
    Not(Box<Expr>),
    /// This level.
    Level(Level),
    /// This level or a more severe one.
    AtLeast(Level),
    /// This service.
    Service(String),
    /// A target.
    Target(Pattern),
    /// A request id.
    Request(String),
    /// A process.
    Process(ProcessId),
    /// A value of a field.
    Field {
        /// Name of the field.
        name: String,
        /// The condition.
        test: FieldTest,
    },
    /// Words in the message or in the fields.
    Text(Phrase),
}

impl Expr {
    /// Matches every line.
    pub const ALL: Self = Self::And(Vec::new());

    /// True if the expression is [`Expr::ALL`].
    #[must_use]
    pub fn is_all(&self) -> bool {
        matches!(self, Self::And(parts) if parts.is_empty())
    }
}

/// A name or its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// ASCII text.
    pub text: String,
    /// True: names that begin with the text.
    pub is_prefix: bool,
}

/// A condition on the value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldTest {
    /// The value as text.
    Is(String),
    /// A number.
    Compare(Comparison, f64),
}

/// An order of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Less than.
    Less,
    /// Less than or equal.
    LessOrEqual,
    /// Greater than.
    Greater,
    /// Greater than or equal.
    GreaterOrEqual,
}

/// Words in order; contains at least one letter or digit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// The words, as typed.
    pub text: String,
    /// True: the last word may be longer.
    pub is_prefix: bool,
}

/// Why a text is not a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at character {at}")]
pub struct QueryError {
    /// Position in characters, from 0.
    pub at: usize,
    /// The reason.
    pub reason: String,
}
