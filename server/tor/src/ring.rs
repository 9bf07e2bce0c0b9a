//! The end of Tor's log.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

const LINES: usize = 500;
const LONGEST: usize = 1024;

/// The latest lines, each of limited length.
#[derive(Debug, Default)]
pub(crate) struct Ring(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<String>,
    /// Number of lines from the Tor process that runs now.
    fresh: usize,
}

impl Ring {
    /// Marks the start of a new Tor process.
    pub(crate) fn begin(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fresh = 0;
    }

    pub(crate) fn push(&self, line: &str) {
        let plain = line.chars().map(|c| if c.is_control() { ' ' } else { c });
        let line: String = plain.take(LONGEST).collect();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.kept.len() == LINES {
            lines.kept.pop_front();
        }
        lines.kept.push_back(line);
        lines.fresh = lines.fresh.saturating_add(1);
    }

    /// Returns the newest `count` lines, oldest first.
    pub(crate) fn tail(&self, count: usize) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.kept.iter().skip(lines.kept.len().saturating_sub(count)).cloned().collect()
    }

    /// Returns the newest warning or error of the current Tor process, without Tor's date. Lines that only point to
    /// another one are skipped.
    pub(crate) fn complaint(&self) -> Option<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_bad = |line: &&String| {
            (line.contains("[err]") || line.contains("[warn]")) && !line.contains("see warnings above")
        };
        let bad = lines.kept.iter().rev().take(lines.fresh.min(20)).find(is_bad);
        bad.map(|line| line.split_once("] ").map_or(line.as_str(), |(_, text)| text).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounded_and_plain() {
        let ring = Ring::default();
        for n in 0..2 * LINES {
            ring.push(&format!("line {n}"));
        }
        assert_eq!(ring.tail(usize::MAX).len(), LINES);
        assert_eq!(ring.tail(1), [format!("line {}", 2 * LINES - 1)]);
        ring.push(&"x\u{1b}".repeat(LONGEST));
        assert_eq!(ring.tail(1)[0].chars().count(), LONGEST);
        assert!(!ring.tail(1)[0].contains('\u{1b}'));
        ring.push("Nov 23 08:53:42.332 [warn] Failed to bind one of the listener ports.");
        ring.push("Nov 23 08:53:42.332 [notice] bye");
        ring.push("Nov 23 08:53:42.332 [err] Reading config failed--see warnings above.");
        assert_eq!(ring.complaint().as_deref(), Some("Failed to bind one of the listener ports."));
        ring.begin();
        assert_eq!(ring.complaint(), None, "the line belongs to the former process");
    }
}
