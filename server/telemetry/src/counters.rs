//! What the archive has counted since the start of the service.

use crate::store::Stored;
use crate::tail::Gap;
use parking_lot::Mutex;
use std::collections::VecDeque;
use tornado_contracts::telemetry::logs::{LogGap, LogStatus};
use tornado_log::line::Micros;

/// Gaps that are remembered.
const MAX_GAPS: usize = 100;

/// Counters, shared by ingest and the contract.
#[derive(Debug, Default)]
pub struct Counters(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    status: LogStatus,
    gaps: VecDeque<LogGap>,
}

impl Counters {
    /// The counters; size and number of days are left at 0.
    #[must_use]
    pub fn read(&self) -> LogStatus {
        let state = self.0.lock();
        LogStatus { gaps: state.gaps.iter().cloned().collect(), ..state.status.clone() }
    }

    pub(crate) fn stored(&self, stored: Stored, newest: Option<Micros>) {
        let status = &mut self.0.lock().status;
        status.stored += stored.new;
        status.repeated += stored.repeated;
        status.newest = status.newest.max(newest.map(|time| time.0));
    }

    pub(crate) fn rejected(&self, corrupt: u64, out_of_range: u64) {
        let status = &mut self.0.lock().status;
        status.corrupt += corrupt;
        status.out_of_range += out_of_range;
    }

    pub(crate) fn missing(&self, gaps: Vec<Gap>, now: Micros) {
        let state = &mut *self.0.lock();
        for gap in gaps {
            state.status.missing += gap.lines.unwrap_or_default();
            state.add(LogGap { found_at: now.0, source: gap.service, lines: gap.lines, reason: gap.reason.to_owned() });
        }
    }

    pub(crate) fn damaged(&self, day: i64, now: Micros) {
        let state = &mut *self.0.lock();
        state.status.damaged_days += 1;
        let (source, reason) = (format!("logs-{day}.db"), "a damaged day file was set aside".to_owned());
        state.add(LogGap { found_at: now.0, source, lines: None, reason });
    }

    pub(crate) fn failed_write(&self) {
        self.0.lock().status.failed_writes += 1;
    }

    pub(crate) fn deleted(&self, lines: u64) {
        self.0.lock().status.deleted += lines;
    }

    pub(crate) fn clock_jumped(&self) {
        self.0.lock().status.clock_jumps += 1;
    }

    pub(crate) fn behind(&self, bytes: u64) {
        self.0.lock().status.behind = bytes;
    }
}

impl State {
    fn add(&mut self, gap: LogGap) {
        self.gaps.push_front(gap);
        self.gaps.truncate(MAX_GAPS);
    }
}
