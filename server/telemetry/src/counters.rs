//! What the archive has counted since the start of the service.

use crate::store::Stored;
use crate::tail::Gap;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use tornado_contracts::telemetry::logs::{LogGap, LogStatus};
use tornado_log::line::Micros;
use tornado_runtime::metrics::{Metrics, Unit};

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

    /// Publishes the counters.
    pub(crate) fn publish(self: &Arc<Self>, metrics: &Metrics) {
        let counters = self.clone();
        metrics.read(move |reading| {
            let status = counters.read();
            let help = "Log lines by what became of them";
            let mut lines = reading.counter("tornado_log_lines", help, None);
            for (outcome, number) in [
                ("stored", status.stored),
                ("repeated", status.repeated),
                ("corrupt", status.corrupt),
                ("out_of_range", status.out_of_range),
                ("missing", status.missing),
                ("deleted", status.deleted),
            ] {
                lines.add(&[("outcome", outcome)], number);
            }
            let help = "Bytes in log files that are not in the archive yet";
            reading.gauge("tornado_log_behind", help, Some(&Unit::Bytes)).add(&[], status.behind);
            let help = "Failed attempts to store log lines";
            reading.counter("tornado_log_failed_writes", help, None).add(&[], status.failed_writes);
            let help = "Day files of the archive that were set aside because they were damaged";
            reading.counter("tornado_log_damaged_archives", help, None).add(&[], status.damaged_days);
        });
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
