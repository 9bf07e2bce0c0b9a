//! Rules for the tree that the compiler does not check.

use super::{calls, clocks, files, texts};
use crate::shell;

/// Files with more lines are listed.
const LONG: usize = 300;
/// Files with more lines are rejected.
const TOO_LONG: usize = 600;

/// Text that must not occur in Rust files, and the reason. Split in halves, so that this list is not a finding itself.
const FORBIDDEN: &[([&str; 2], &str)] = &[
    (["todo", "!("], "unfinished"),
    (["unimplemented", "!("], "unfinished"),
    (["dbg", "!("], "left from debugging"),
    (["FIX", "ME"], "do it or open an issue"),
    (["XX", "X "], "do it or open an issue"),
    (["#[al", "low("], "use #[expect(…, reason = \"…\")]"),
    (["#![al", "low("], "use #![expect(…, reason = \"…\")]"),
    (["#[ign", "ore]"], "give a reason: #[ignore = \"…\"]"),
    (["/ro", "ot/."], "a path of a specific machine"),
    (["/ho", "me/"], "a path of a specific machine"),
];

/// The findings.
#[derive(Debug, Default)]
pub struct Findings {
    long: Vec<String>,
    faults: Vec<String>,
}

impl Findings {
    /// Returns true if there are no faults. Long files are only listed.
    pub const fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    pub fn print(&self) {
        if !self.long.is_empty() {
            println!("  over {LONG} lines: {}", self.long.join(", "));
        }
        for fault in &self.faults {
            println!("  {fault}");
        }
    }

    fn add(&mut self, path: &str, text: &str) {
        let length = text.lines().count();
        if length > TOO_LONG {
            self.faults.push(format!("{path}: {length} lines, the limit is {TOO_LONG}"));
        } else if length > LONG {
            self.long.push(format!("{path} {length}"));
        }
        self.faults.extend(texts::wide(path, text));
        for (halves, why) in FORBIDDEN {
            let word = halves.concat();
            let hits =
                text.lines().enumerate().filter(|(_, line)| line.contains(&word) && !is_shared_support(path, line));
            self.faults.extend(hits.map(|(index, _)| format!("{path}:{}: '{word}': {why}", index + 1)));
        }
    }
}

/// A module that several test programs include cannot *expect* unused code, because some of them use all of it. It may
/// allow unused code if a reason is given.
fn is_shared_support(path: &str, line: &str) -> bool {
    path.contains("/tests/") && path.ends_with("/mod.rs") && line.contains("dead_code") && line.contains("reason = ")
}

/// Checks every Rust file of the tree.
pub fn look() -> anyhow::Result<Findings> {
    let names = files("*.rs")?;
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut findings = Findings::default();
    for name in &all {
        let text = std::fs::read_to_string(shell::root().join(name))?;
        findings.add(name, &text);
        findings.faults.extend(calls::unknown(name, &text));
        findings.faults.extend(clocks::findings(name, &text, &all));
        findings.faults.extend(texts::words(name, &text));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_are_told_and_too_long_ones_refused() {
        let mut findings = Findings::default();
        findings.add("long.rs", &"x\n".repeat(301));
        assert!(findings.is_clean() && findings.long.len() == 1);
        findings.add("too_long.rs", &"x\n".repeat(601));
        assert!(!findings.is_clean());
    }

    #[test]
    fn a_forbidden_word_is_found_with_its_line() {
        let mut findings = Findings::default();
        findings.add("a.rs", &format!("fn a() {{\n    {}{}\n}}\n", "todo", "!()"));
        assert_eq!(findings.faults, [format!("a.rs:2: '{}{}': unfinished", "todo", "!(")]);
    }
}
