//! Finds jumps of the clock. Pure.

use std::collections::HashMap;
use std::time::Duration;
use tornado_log::line::{Line, Micros, ProcessId};

/// Smaller differences are corrections of the clock, or lines of two threads.
const JUMP: i64 = 60_000_000;
/// Processes that are remembered.
const MAX_PROCESSES: usize = 200;

/// The newest times seen.
#[derive(Debug, Default)]
pub(super) struct Jumps {
    processes: HashMap<ProcessId, Micros>,
    /// Wall clock and running time of the step before.
    step: Option<(Micros, Duration)>,
}

impl Jumps {
    /// The number of times the clock was set back between lines of the same process.
    pub(super) fn lines(&mut self, lines: &[Line]) -> u64 {
        let mut jumps = 0;
        for line in lines {
            if self.processes.len() >= MAX_PROCESSES && !self.processes.contains_key(&line.process) {
                self.processes.clear();
            }
            let before = self.processes.insert(line.process, line.time);
            jumps += u64::from(before.is_some_and(|before| line.time.0 < before.0 - JUMP));
        }
        jumps
    }

    /// True if the clock was set forwards since the step before: the process ran for a much shorter time. A suspended
    /// machine looks the same.
    pub(super) fn step(&mut self, now: Micros, running: Duration) -> bool {
        let Some((then, began)) = self.step.replace((now, running)) else { return false };
        let ran = i64::try_from(running.saturating_sub(began).as_micros()).unwrap_or(i64::MAX);
        now.0.saturating_sub(then.0) > ran.saturating_add(JUMP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::line;

    #[test]
    fn lines_that_go_back_by_a_minute_are_a_jump() {
        let mut clock = Jumps::default();
        let at = |process, seconds: i64| Line { time: Micros(seconds * 1_000_000), ..line(process, 1) };
        assert_eq!(clock.lines(&[at(1, 1000), at(1, 5000), at(1, 4990), at(2, 10)]), 0);
        assert_eq!(clock.lines(&[at(1, 4000), at(1, 4001), at(2, 9)]), 1);
    }

    #[test]
    fn a_clock_that_runs_ahead_of_the_process_was_set() {
        let mut clock = Jumps::default();
        let mut step = |now: i64, running| clock.step(Micros(now * 1_000_000), Duration::from_secs(running));
        assert_eq!([step(1000, 1), step(1500, 501), step(1600, 541)], [false; 3]);
        assert!(step(1700, 542));
        assert!(!step(100, 543), "lines report a clock that was set back");
    }
}
