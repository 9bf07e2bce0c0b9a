//! Evaluates an expression on a line in memory, with the same result as the archive has for ASCII text.

use super::expr::{Comparison, Expr, FieldTest, Pattern, Phrase};
use tornado_log::line::{Fields, Line, Value};

impl Expr {
    /// True if the line matches.
    #[must_use]
    pub fn matches(&self, line: &Line) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(line)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(line)),
            Self::Not(part) => !part.matches(line),
            Self::Level(level) => line.level == *level,
            Self::AtLeast(level) => line.level <= *level,
            Self::Service(service) => line.service == *service,
            Self::Target(pattern) => pattern.matches(&line.target),
            Self::Request(id) => line.request_id.as_ref() == Some(id),
            Self::Process(process) => line.process == *process,
            Self::Field { name, test } => line.fields.get(name).is_some_and(|value| test.matches(value)),
            Self::Text(phrase) => phrase.matches(&line.message) || phrase.matches(&fields_text(&line.fields)),
        }
    }
}

/// The fields as the archive stores and indexes them; empty without fields.
#[must_use]
pub fn fields_text(fields: &Fields) -> String {
    if fields.is_empty() { String::new() } else { serde_json::to_string(fields).unwrap_or_default() }
}

impl Pattern {
    fn matches(&self, name: &str) -> bool {
        if self.is_prefix { name.starts_with(&self.text) } else { name == self.text }
    }
}

impl FieldTest {
    /// The JSON texts that are equal to a text: the string, and the number or boolean of the same form.
    #[must_use]
    pub fn json_forms(text: &str) -> [String; 2] {
        let string = serde_json::to_string(text).unwrap_or_default();
        let is_bare = text == "true" || text == "false" || text.parse::<f64>().is_ok();
        let bare = if is_bare { text.to_owned() } else { string.clone() };
        [string, bare]
    }

    fn matches(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Is(text), value) => {
                Self::json_forms(text).contains(&serde_json::to_string(value).unwrap_or_default())
            }
            #[expect(clippy::cast_precision_loss, reason = "SQLite compares so, too")]
            (Self::Compare(comparison, number), Value::Int(value)) => comparison.holds(*value as f64, *number),
            (Self::Compare(comparison, number), Value::Real(value)) => comparison.holds(*value, *number),
            (Self::Compare(..), Value::Text(_) | Value::Bool(_)) => false,
        }
    }
}

impl Comparison {
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

impl Phrase {
    fn matches(&self, text: &str) -> bool {
        let (wanted, found) = (words(&self.text), words(text));
        let fits = |at: usize, wanted_word: &String, found_word: &String| {
            let may_be_longer = self.is_prefix && at + 1 == wanted.len();
            if may_be_longer { found_word.starts_with(wanted_word) } else { found_word == wanted_word }
        };
        let is_here = |window: &[String]| {
            wanted.iter().zip(window).enumerate().all(|(at, (wanted, found))| fits(at, wanted, found))
        };
        !wanted.is_empty() && found.windows(wanted.len()).any(is_here)
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}
