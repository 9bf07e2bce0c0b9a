//! Explains a failed start, from what the services report and have logged since.

use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Maximum number of log lines that are shown.
const LINES: usize = 8;
/// Maximum number of log bytes that are read.
const BYTES: u64 = 1024 * 1024;

/// The moment before a start. Later log lines belong to the start.
pub struct Start {
    /// The log files and their lengths at that moment, first the standard error of the server; empty for the journal.
    logs: Vec<(PathBuf, u64)>,
    at: u64,
}

impl Start {
    /// Records the current moment. `log` is the file of the server's standard error, beside which each process has a
    /// directory with its log file; `None` for the journal of systemd.
    pub fn now(log: Option<&Path>) -> Self {
        let length = |path: PathBuf| {
            let length = std::fs::metadata(&path).map_or(0, |found| found.len());
            (path, length)
        };
        let own = log.into_iter().flat_map(|log| std::iter::once(log.to_owned()).chain(of_processes(log)));
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self { logs: own.map(length).collect(), at }
    }

    /// Describes the failure: the reasons of services that are not ready, the logged warnings and errors, and where to
    /// find more.
    pub fn explain(&self, status: &Value) -> String {
        let mut text = String::from("the server did not become ready\n");
        let reported = not_ready(status);
        if !reported.is_empty() {
            text += &format!("  services that are not ready:\n    {}\n", reported.join("\n    "));
        }
        let logged = complaints(&self.logged());
        if !logged.is_empty() {
            text += &format!("  logged:\n    {}\n", logged.join("\n    "));
        }
        text + "  more: " + &self.place() + ", tornadod doctor"
    }

    fn place(&self) -> String {
        match self.logs.first() {
            Some((path, _)) => path.parent().unwrap_or(path).display().to_string(),
            None => "journalctl -u tornado".to_owned(),
        }
    }

    fn logged(&self) -> String {
        if self.logs.is_empty() {
            let since = format!("--since=@{}", self.at);
            let words = ["--unit=tornado.service", "--output=cat", "--no-pager", since.as_str()];
            return crate::shell::read(crate::shell::command("journalctl", &words)).unwrap_or_default();
        }
        let before = |path: &Path| self.logs.iter().find(|(known, _)| known == path).map_or(0, |(_, length)| *length);
        let own = self.logs.first().into_iter().map(|(path, _)| path.clone());
        let all = own.chain(self.logs.first().into_iter().flat_map(|(path, _)| of_processes(path)));
        all.map(|path| since(&path, before(&path))).collect()
    }
}

/// The log files of processes in the directory of `log`.
fn of_processes(log: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = log.parent().and_then(|directory| std::fs::read_dir(directory).ok()).into_iter().flatten().flatten();
    let file = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        entry.path().is_dir().then(|| entry.path().join(format!("{name}.log")))
    };
    entries.filter_map(file)
}

/// The text of a file behind a position; empty if it cannot be read.
fn since(path: &Path, from: u64) -> String {
    let mut bytes = Vec::new();
    let mut read = || {
        let mut file = std::fs::File::open(path)?;
        // The file is shorter than before, so it was rotated.
        let from = if file.metadata()?.len() < from { 0 } else { from };
        file.seek(SeekFrom::Start(from))?;
        file.take(BYTES).read_to_end(&mut bytes)
    };
    drop(read());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The reason of a service that is in a crash loop and is not restarted automatically.
pub fn given_up(status: &Value) -> Option<String> {
    let service = services(status).find(|service| service["state"] == "crash_loop")?;
    Some(format!("service {} is in a crash loop: {}", text(&service["name"]), text(&service["reason"])))
}

fn not_ready(status: &Value) -> Vec<String> {
    let line = |service: &Value| {
        let (state, reason) = (text(&service["state"]), text(&service["reason"]));
        // A service that only waits for another one is not the cause.
        let is_cause = !reason.is_empty() && state != "waiting";
        is_cause.then(|| format!("{}: {state}: {reason}", text(&service["name"])))
    };
    services(status).filter_map(line).collect()
}

fn services(status: &Value) -> impl Iterator<Item = &Value> {
    status["services"].as_array().into_iter().flatten()
}

/// The warnings and errors without duplicates, the latest last. Lines that are not JSON are the last output of a
/// process.
fn complaints(log: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let all: Vec<String> = log.lines().filter_map(complaint).filter(|line| seen.insert(line.clone())).collect();
    all.into_iter().rev().take(LINES).rev().collect()
}

fn complaint(line: &str) -> Option<String> {
    let Ok(entry) = serde_json::from_str::<Value>(line) else {
        return (!line.trim().is_empty()).then(|| line.trim().to_owned());
    };
    matches!(entry["level"].as_str(), Some("WARN" | "ERROR")).then_some(())?;
    let fields = entry["fields"].as_object();
    let others = fields.into_iter().flatten().filter(|(name, _)| *name != "pid");
    Some(others.fold(text(&entry["message"]), |line, (name, value)| format!("{line} {name}={}", text(value))))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| if value.is_null() { String::new() } else { value.to_string() }, str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_reason_is_shown_and_not_only_where_it_stands() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("tornadod.log");
        std::fs::write(&log, "{\"level\":\"ERROR\",\"message\":\"of an earlier start\"}\n").unwrap();
        let earlier = std::fs::read_to_string(&log).unwrap();
        std::fs::create_dir(dir.path().join("wg")).unwrap();
        std::fs::write(dir.path().join("wg/wg.log"), &earlier).unwrap();
        let start = Start::now(Some(&log));
        let mut all = earlier;
        let ended = json!({"level": "WARN", "message": "process ended", "fields": {"pid": 7, "how": "cannot open /dev/net/tun"}});
        for _ in 0..3 {
            all += &format!("{ended}\n");
        }
        all += "{\"level\":\"INFO\",\"message\":\"started\"}\nthread panicked\n";
        std::fs::write(dir.path().join("wg/wg.log"), all).unwrap();
        let status = json!({"services": [
            {"name": "wg", "state": "crash_loop", "reason": "failed: no TUN"},
            {"name": "tor", "state": "waiting", "reason": "waits for wg to be ready"},
            {"name": "auth", "state": "ready"},
        ]});
        assert_eq!(given_up(&status).unwrap(), "service wg is in a crash loop: failed: no TUN");
        let text = start.explain(&status);
        assert!(text.contains("wg: crash_loop: failed: no TUN") && !text.contains("waits for"), "{text}");
        assert_eq!(text.matches("process ended how=cannot open /dev/net/tun").count(), 1, "{text}");
        assert!(text.contains("thread panicked") && !text.contains("of an earlier start"), "{text}");
        assert!(text.contains(&dir.path().display().to_string()), "{text}");
    }
}
