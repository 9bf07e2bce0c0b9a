//! Tor's own log: the newest lines in memory, and a bounded number of lines in the log of this service.

mod damper;

use damper::Damper;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};

/// Maximum number of kept lines.
const LINES: usize = 500;
/// Maximum length of a kept line in characters.
const MAX_CHARS: usize = 1024;
/// Maximum length of a line of output in bytes.
const MAX_BYTES: u64 = 8 * 1024;

/// The latest lines, each of limited length.
#[derive(Debug, Default)]
pub(crate) struct TorLog {
    lines: Mutex<Lines>,
    /// One for all processes, which start again and again while there is no network.
    damper: Mutex<Damper>,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<String>,
    /// Number of lines from the Tor process that runs now.
    fresh: usize,
}

impl TorLog {
    /// Marks the start of a new Tor process.
    pub(crate) fn begin(&self) {
        self.lines.lock().fresh = 0;
    }

    /// Returns whether a line may be logged now, and logs how many of its kind were suppressed before, `more` of them
    /// elsewhere.
    pub(crate) fn admit(&self, line: &str, more: u32) -> bool {
        let Some(suppressed) = self.damper.lock().admit(line, Instant::now()) else { return false };
        let suppressed = suppressed.saturating_add(more);
        if suppressed > 0 {
            tracing::warn!(target: "tornado_tor::log", lines = suppressed, "suppressed more lines like the next one");
        }
        true
    }

    fn push(&self, line: &str) {
        let plain = line.chars().map(|c| if c.is_control() { ' ' } else { c });
        let line: String = plain.take(MAX_CHARS).collect();
        let mut lines = self.lines.lock();
        if lines.kept.len() == LINES {
            lines.kept.pop_front();
        }
        lines.kept.push_back(line);
        lines.fresh = lines.fresh.saturating_add(1);
    }

    /// Returns the newest `count` lines, oldest first.
    pub(crate) fn tail(&self, count: usize) -> Vec<String> {
        let lines = self.lines.lock();
        lines.kept.iter().skip(lines.kept.len().saturating_sub(count)).cloned().collect()
    }

    /// Returns the newest warning or error of the current Tor process, without Tor's date. Lines that only point to
    /// another one are skipped.
    pub(crate) fn latest_warning(&self) -> Option<String> {
        let lines = self.lines.lock();
        let is_warning = |line: &&String| {
            (line.contains("[err]") || line.contains("[warn]")) && !line.contains("see warnings above")
        };
        let latest = lines.kept.iter().rev().take(lines.fresh.min(20)).find(is_warning);
        latest.map(|line| line.split_once("] ").map_or(line.as_str(), |(_, text)| text).to_owned())
    }
}

/// Reads the output of a Tor process until its end.
pub(super) async fn record(output: impl AsyncRead + Unpin, log: Arc<TorLog>) {
    let mut reader = BufReader::new(output);
    let mut bytes = Vec::new();
    let mut damper = Damper::default();
    loop {
        bytes.clear();
        match (&mut reader).take(MAX_BYTES).read_until(b'\n', &mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end();
        // Devices can trigger some lines as often as they like: they must not displace all others.
        let Some(suppressed) = damper.admit(line, Instant::now()) else { continue };
        log.push(line);
        if !log.admit(line, suppressed) {
            continue;
        }
        if line.contains("[err]") {
            // A separate call site has its own rate limit, so warnings that devices trigger do not use it up.
            tracing::error!(target: "tornado_tor::log", "{line}");
        } else if line.contains("[warn]") {
            tracing::warn!(target: "tornado_tor::log", "{line}");
        } else {
            tracing::debug!(target: "tornado_tor::log", "{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_bounded_and_has_no_control_characters() {
        let log = TorLog::default();
        for n in 0..2 * LINES {
            log.push(&format!("line {n}"));
        }
        assert_eq!(log.tail(usize::MAX).len(), LINES);
        assert_eq!(log.tail(1), [format!("line {}", 2 * LINES - 1)]);
        log.push(&"x\u{1b}".repeat(MAX_CHARS));
        assert_eq!(log.tail(1)[0].chars().count(), MAX_CHARS);
        assert!(!log.tail(1)[0].contains('\u{1b}'));
        log.push("Nov 23 08:53:42.332 [warn] Failed to bind one of the listener ports.");
        log.push("Nov 23 08:53:42.332 [notice] bye");
        log.push("Nov 23 08:53:42.332 [err] Reading config failed--see warnings above.");
        assert_eq!(log.latest_warning().as_deref(), Some("Failed to bind one of the listener ports."));
        log.begin();
        assert_eq!(log.latest_warning(), None, "the line belongs to the former process");
    }
}
