//! A log file whose lines are repeated on standard error.

use super::{LogFile, Sink, Stderr};
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

/// At most one report about a file that cannot be written per this time.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// What standard error receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StderrUse {
    /// Every line: it is the journal, a terminal, or the output of a test.
    Lines,
    /// Only reports about the log file: it is a file to which several programs append, and which is never rotated.
    Reports,
}

impl StderrUse {
    /// The use of this process's standard error.
    #[cfg(unix)]
    #[must_use]
    pub fn of_this_process() -> Self {
        use nix::fcntl::{FcntlArg, OFlag, fcntl};
        let is_file = std::fs::metadata("/proc/self/fd/2").is_ok_and(|found| found.is_file());
        let flags = fcntl(io::stderr(), FcntlArg::F_GETFL).unwrap_or_default();
        if is_file && OFlag::from_bits_truncate(flags).contains(OFlag::O_APPEND) { Self::Reports } else { Self::Lines }
    }

    /// The use of this process's standard error. A service of Windows has none, and what is written to it is discarded.
    #[cfg(windows)]
    #[must_use]
    pub const fn of_this_process() -> Self {
        Self::Lines
    }
}

/// Writes lines to the file, and to standard error as [`StderrUse`] says. A file that cannot be written never stops the
/// service.
#[derive(Debug)]
pub struct FileAndStderr {
    file: LogFile,
    stderr: StderrUse,
    is_failing: bool,
    reported_at: Option<Instant>,
}

impl FileAndStderr {
    /// Writes to `file`.
    #[must_use]
    pub const fn new(file: LogFile, stderr: StderrUse) -> Self {
        Self { file, stderr, is_failing: false, reported_at: None }
    }

    /// The report that is due after a line.
    fn report(&mut self, written: &io::Result<()>, now: Instant) -> Option<String> {
        let path = self.file.path().display();
        match written {
            Err(error) if self.reported_at.is_none_or(|at| now.saturating_duration_since(at) >= REPORT_EVERY) => {
                let text = format!("cannot write the log file {path}: {error}; the service continues without it");
                (self.is_failing, self.reported_at) = (true, Some(now));
                Some(text)
            }
            Err(_) => None,
            Ok(()) => std::mem::take(&mut self.is_failing).then(|| format!("the log file {path} is writable again")),
        }
    }
}

impl Sink for FileAndStderr {
    fn write_line(&mut self, line: &str) -> io::Result<()> {
        let written = self.file.write_line(line);
        if self.stderr == StderrUse::Lines {
            // The line is in the file, or is counted as lost.
            drop(Stderr.write_line(line));
        }
        if let Some(report) = self.report(&written, Instant::now()) {
            drop(io::stderr().lock().write_all(format!("{report}\n").as_bytes()));
        }
        written
    }

    fn rotations(&self) -> u64 {
        self.file.rotations()
    }

    fn replaced(&self) -> u64 {
        self.file.replaced()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::output::FileLimits;
    use std::path::Path;

    #[test]
    fn a_file_that_cannot_be_written_is_reported_once_a_minute() {
        let file = LogFile::new(Path::new("/nowhere"), "wg", FileLimits::default());
        let mut output = FileAndStderr::new(file, StderrUse::Reports);
        let full = || Err(io::ErrorKind::StorageFull.into());
        let began = Instant::now();
        let mut at = |seconds: u64, written: io::Result<()>| {
            output.report(&written, began + Duration::from_secs(seconds)).unwrap_or_default()
        };
        assert_eq!(at(0, Ok(())), "");
        let report = at(1, full());
        assert!(report.contains("/nowhere/wg.log: no storage space") && report.contains("continues"), "{report}");
        assert_eq!(at(2, full()), "");
        assert!(at(61, full()).contains("cannot write"));
        assert!(at(62, Ok(())).contains("writable again"));
        assert_eq!((at(63, Ok(())).as_str(), at(64, full()).as_str(), at(65, Ok(())).as_str()), ("", "", ""));
    }
}
