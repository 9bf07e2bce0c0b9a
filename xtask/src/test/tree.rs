//! Rules for the tree that no compiler checks.

use super::{calls, clocks};
use crate::shell;
use anyhow::Context as _;

/// Longer files are listed.
const LONG: usize = 300;
/// Longer files are refused.
const TOO_LONG: usize = 600;

/// What must not stand in Rust files, and why. Written in halves so that this list is no finding itself.
const FORBIDDEN: &[([&str; 2], &str)] = &[
    (["todo", "!("], "unfinished"),
    (["unimplemented", "!("], "unfinished"),
    (["dbg", "!("], "left from debugging"),
    (["FIX", "ME"], "do it or write an issue"),
    (["XX", "X "], "do it or write an issue"),
    (["#[al", "low("], "say #[expect(…, reason = \"…\")]"),
    (["#![al", "low("], "say #![expect(…, reason = \"…\")]"),
    (["#[ign", "ore]"], "say why: #[ignore = \"…\"]"),
    (["/ro", "ot/."], "a path of one machine"),
    (["/ho", "me/"], "a path of one machine"),
];

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    long: Vec<String>,
    faults: Vec<String>,
}

impl Findings {
    /// No fault; long files are only mentioned.
    pub const fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    /// Tells people.
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
            self.faults.push(format!("{path}: {length} lines, {TOO_LONG} are allowed"));
        } else if length > LONG {
            self.long.push(format!("{path} {length}"));
        }
        for (halves, why) in FORBIDDEN {
            let word = halves.concat();
            let hits =
                text.lines().enumerate().filter(|(_, line)| line.contains(&word) && !is_shared_support(path, line));
            self.faults.extend(hits.map(|(index, _)| format!("{path}:{}: '{word}': {why}", index + 1)));
        }
    }
}

/// A module that several test programs include cannot *expect* unused code: some of them use all of it. With its
/// reason beside it, it may allow that.
fn is_shared_support(path: &str, line: &str) -> bool {
    path.contains("/tests/") && path.ends_with("/mod.rs") && line.contains("dead_code") && line.contains("reason = ")
}

/// Looks at every tracked Rust file.
pub fn look() -> anyhow::Result<Findings> {
    let list = shell::command("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.rs"]);
    let names = shell::read(list).context("the tree is checked by what git tracks")?;
    let mut findings = Findings::default();
    let all: Vec<&str> = names.split_terminator('\0').collect();
    for name in &all {
        // A file may be deleted and not yet committed so.
        if let Ok(text) = std::fs::read_to_string(shell::root().join(name)) {
            findings.add(name, &text);
            findings.faults.extend(calls::unknown(name, &text));
            findings.faults.extend(clocks::findings(name, &text, &all));
        }
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
