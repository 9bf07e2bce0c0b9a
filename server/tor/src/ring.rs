//! The end of Tor's log.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

const LINES: usize = 500;
const LONGEST: usize = 1024;

/// The latest lines, each cut to a bound.
#[derive(Debug, Default)]
pub(crate) struct Ring(Mutex<VecDeque<String>>);

impl Ring {
    pub(crate) fn push(&self, line: &str) {
        let plain = line.chars().map(|c| if c.is_control() { ' ' } else { c });
        let line: String = plain.take(LONGEST).collect();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The newest `count`, oldest first.
    pub(crate) fn tail(&self, count: usize) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().skip(lines.len().saturating_sub(count)).cloned().collect()
    }

    /// The newest line that is a warning or an error, without Tor's date.
    pub(crate) fn complaint(&self) -> Option<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bad = lines.iter().rev().take(20).find(|line| line.contains("[err]") || line.contains("[warn]"));
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
        assert_eq!(ring.complaint().as_deref(), Some("Failed to bind one of the listener ports."));
    }
}
