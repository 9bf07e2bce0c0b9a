//! Entry points of the fuzz targets: the parsers of log files, of queries and of metrics, and their invariants.

use crate::metrics::exposition;
use crate::query::parse;
use crate::store::condition_of;
use crate::tail::split;
use tornado_log::line::{Line, MAX_LINE, Value};

/// Splits bytes of a log file at `cut`, as a tailer would. The cut makes no difference, and each accepted line is read
/// back from what it is written as.
pub fn lines(bytes: &[u8], cut: usize) {
    let whole = split(bytes, false, true);
    let (head, _) = bytes.split_at(cut.min(bytes.len()));
    let first = split(head, false, false);
    let second = split(bytes.get(first.consumed..).unwrap_or_default(), first.is_skipping, true);
    let moved = second.lines.iter().map(|line| line.start + first.consumed..line.end + first.consumed);
    let both: Vec<_> = first.lines.iter().cloned().chain(moved).collect();
    assert_eq!(both, whole.lines, "the result depends on how the bytes are split");
    assert_eq!(first.corrupt + second.corrupt, whole.corrupt);
    for range in whole.lines {
        let Some(text) = bytes.get(range) else { continue };
        if let Ok(mut line) = Line::parse(text) {
            // Fractions may differ in their last digit after they were read.
            line.fields.retain(|_, value| !matches!(value, Value::Real(_)));
            let written = line.to_json();
            assert!(written.len() <= MAX_LINE && !written.contains('\n'));
            let again = Line::parse(written.as_bytes());
            assert!(again.is_ok_and(|again| again.to_json() == written), "{written}");
        }
    }
}

/// Parses metrics of a service. What is rendered is read back, and each line has the form of OpenMetrics.
pub fn metrics(text: &str) {
    let families = exposition::parse(text, "wg");
    let rendered = exposition::render(&families);
    assert_eq!(exposition::render(&exposition::parse(&rendered, exposition::MASTER)), rendered);
    assert!(rendered.lines().all(|line| line.starts_with("# ") || line.rsplit(' ').next().is_some_and(is_number)));
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Parses a query. None of its text is part of the SQL, and each placeholder has a value.
pub fn query(text: &str) {
    let Ok(expr) = parse(text) else { return };
    let (sql, binds) = condition_of(&expr);
    assert_eq!(sql.matches('?').count(), binds, "{sql}");
    let is_ours = |c: char| c.is_ascii_alphanumeric() || " ()?.,=<>-_'".contains(c);
    assert!(sql.chars().all(is_ours), "{sql}");
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 8) {
        assert!(KNOWN.contains(&word.to_lowercase().as_str()) || !sql.contains(word), "{word} is in {sql}");
    }
}

/// Long words of our own SQL.
const KNOWN: &[&str] = &["json_type", "coalesce"];
