//! What the archive has counted since the start of the service.

use crate::store::{KnownGap, Stored};
use parking_lot::Mutex;
use std::sync::Arc;
use tornado_contracts::telemetry::logs::LogStatus;
use tornado_log::line::Micros;
use tornado_runtime::metrics::{Metrics, Unit};

/// Counters, shared by ingest and the contract.
#[derive(Debug, Default)]
pub struct Counters(Mutex<LogStatus>);

impl Counters {
    /// The counters. What the archive knows is left out: days, their size, gaps.
    #[must_use]
    pub fn read(&self) -> LogStatus {
        self.0.lock().clone()
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
        let status = &mut self.0.lock();
        status.stored += stored.new;
        status.repeated += stored.repeated;
        status.newest = status.newest.max(newest.map(|time| time.0));
    }

    pub(crate) fn rejected(&self, corrupt: u64, out_of_range: u64) {
        let status = &mut self.0.lock();
        status.corrupt += corrupt;
        status.out_of_range += out_of_range;
    }

    /// Gaps that were not known before.
    pub(crate) fn missing(&self, gaps: &[KnownGap]) {
        self.0.lock().missing += gaps.iter().filter_map(|gap| gap.lines).sum::<u64>();
    }

    pub(crate) fn damaged(&self) {
        self.0.lock().damaged_days += 1;
    }

    pub(crate) fn failed_write(&self) {
        self.0.lock().failed_writes += 1;
    }

    pub(crate) fn deleted(&self, lines: u64) {
        self.0.lock().deleted += lines;
    }

    pub(crate) fn clock_jumped(&self) {
        self.0.lock().clock_jumps += 1;
    }

    pub(crate) fn behind(&self, bytes: u64) {
        self.0.lock().behind = bytes;
    }
}
