//! Resource usage of a process: CPU time and wake-ups.

use crate::HarnessError;
use std::path::Path;
use std::time::{Duration, Instant};

/// Resource usage of a process so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    at: Instant,
    /// CPU time of all threads and of reaped children (`proc_pid_stat(5)`: `utime`, `stime`, `cutime`, `cstime`).
    processor: Duration,
    /// Voluntary context switches of the existing threads.
    wakeups: u64,
}

/// The usage over an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// CPU use in percent of a core.
    pub percent: f64,
    /// Wake-ups per second.
    pub wakeups: f64,
}

impl Spent {
    /// Reads the usage so far.
    ///
    /// # Errors
    ///
    /// Fails if the process has ended, or `/proc` has an unexpected format.
    pub fn of(pid: u32) -> Result<Self, HarnessError> {
        let at = Instant::now();
        let stat = read(Path::new(&format!("/proc/{pid}/stat")))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().collect();
        let ticks = fields.get(11..15).unwrap_or_default().iter().filter_map(|field| field.parse::<u64>().ok());
        // A clock tick is 10 ms on all architectures that Debian supports.
        let processor = Duration::from_millis(ticks.sum::<u64>() * 10);
        let threads = format!("/proc/{pid}/task");
        let threads = std::fs::read_dir(&threads).map_err(HarnessError::file("read", Path::new(&threads)))?;
        // Threads that have just ended are skipped.
        let statuses =
            threads.flatten().filter_map(|thread| std::fs::read_to_string(thread.path().join("status")).ok());
        let switches = |status: String| {
            let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
            line.trim().parse::<u64>().ok()
        };
        Ok(Self { at, processor, wakeups: statuses.filter_map(switches).sum() })
    }

    /// The usage since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Cost {
        let seconds = self.at.saturating_duration_since(earlier.at).as_secs_f64().max(0.001);
        let processor = self.processor.saturating_sub(earlier.processor).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let wakeups = self.wakeups.saturating_sub(earlier.wakeups) as f64;
        Cost { percent: processor * 100.0 / seconds, wakeups: wakeups / seconds }
    }
}

fn read(path: &Path) -> Result<String, HarnessError> {
    std::fs::read_to_string(path).map_err(HarnessError::file("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_seen_and_so_is_its_absence() {
        let before = Spent::of(std::process::id()).unwrap();
        let mut sum = 0u64;
        while Spent::of(std::process::id()).unwrap().processor < before.processor + Duration::from_millis(50) {
            sum = (0..100_000u64).fold(sum, |sum, n| sum.wrapping_add(std::hint::black_box(n)));
        }
        let after = Spent::of(std::process::id()).unwrap();
        assert!(after.since(&before).percent > 0.0, "{before:?} {after:?} {sum}");
        assert!(after.since(&after).percent.abs() < f64::EPSILON);
    }
}
