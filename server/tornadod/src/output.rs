//! Standard output and error. A closed reader (`| head`) is not a failure.

use std::io::Write as _;
pub use tornado_shared::format::{bytes, span};
use tornado_shared::model::text::shown;

/// Writes a line to standard output.
pub fn say(line: &str) {
    drop(writeln!(std::io::stdout(), "{}", shown(line)));
}

/// Writes a line to standard error.
pub fn complain(line: &str) {
    drop(writeln!(std::io::stderr(), "{}", shown(line)));
}

/// Writes a table. The first row is the heading.
pub fn table(rows: &[Vec<String>]) {
    for line in tornado_shared::format::table(rows).lines() {
        say(line);
    }
}

/// Returns true if standard output is a terminal.
pub fn is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stdout())
}
