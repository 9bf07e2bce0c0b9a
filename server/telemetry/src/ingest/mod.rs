//! Moves lines from the log files into the archive. Services are never slowed down: what they write waits in their
//! files.

mod clock;

use crate::counters::Counters;
use crate::live::Live;
use crate::store::{Archive, ArchiveError, KnownGap, Retention};
use crate::tail::{Batch, Gap, Tailer};
use clock::Jumps;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;
use tornado_log::line::{DAY, Line, Micros};
use tornado_runtime::backoff::Backoff;

/// Lines of one transaction, about.
const BATCH: usize = 8_192;
/// Pause when everything is stored.
const IDLE: Duration = Duration::from_millis(500);
/// Pauses after failures.
const RETRY: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
/// Pause between checks of the retention.
const RETAIN_EVERY: Duration = Duration::from_secs(60);

/// The one writer of the archive.
pub struct Ingest {
    directory: PathBuf,
    archive: Arc<Archive>,
    live: Arc<Live>,
    counters: Arc<Counters>,
    retention: Retention,
    /// `None` until the positions were read, and after a day file was set aside.
    tailer: Option<Tailer>,
    /// [`Archive::losses`] when the positions were read.
    losses: u64,
    /// `None` before the first step.
    times: Option<Jumps>,
}

/// Result of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Lines were stored; there may be more.
    Progress,
    /// Everything is stored.
    Idle,
    /// The archive failed; the step is repeated later.
    Failed,
}

impl Ingest {
    /// Reads the files in `directory`.
    #[must_use]
    pub const fn new(
        directory: PathBuf,
        archive: Arc<Archive>,
        live: Arc<Live>,
        counters: Arc<Counters>,
        retention: Retention,
    ) -> Self {
        Self { directory, archive, live, counters, retention, tailer: None, losses: 0, times: None }
    }

    /// Runs until `stop` is cancelled.
    pub async fn run(mut self, clock: fn() -> SystemTime, stop: CancellationToken) {
        let mut failures: u32 = 0;
        let began = tokio::time::Instant::now();
        let mut retained = began;
        self.retain(clock().into()).await;
        loop {
            if self.times.get_or_insert_default().step(clock().into(), began.elapsed()) {
                tracing::warn!("the clock was set forwards, or the machine was suspended");
                self.counters.clock_jumped();
            }
            let step = self.step(clock().into()).await;
            let pause = match step {
                Step::Progress => Duration::ZERO,
                Step::Idle => IDLE,
                Step::Failed => RETRY.pause(failures, 0.0),
            };
            failures = if step == Step::Failed { failures.saturating_add(1) } else { 0 };
            if retained.elapsed() >= RETAIN_EVERY {
                retained = tokio::time::Instant::now();
                self.retain(clock().into()).await;
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.archive.close().await;
    }

    /// Deletes expired days.
    pub async fn retain(&self, now: Micros) {
        match self.archive.retain(self.retention, now.day()).await {
            Ok(days) if days.is_empty() => {}
            Ok(days) => tracing::info!(days = days.len(), "expired logs were deleted"),
            Err(error) => tracing::warn!(%error, "cannot delete expired logs"),
        }
    }

    /// Stores one batch.
    pub async fn step(&mut self, now: Micros) -> Step {
        let losses = self.archive.losses();
        match self.try_step(now).await {
            Ok(step) => step,
            Err(ArchiveError::Damaged { day, source }) => {
                tracing::error!(day, error = %source, "a damaged log archive was set aside");
                match self.archive.set_aside(day, losses, now).await {
                    Ok(true) => {
                        self.counters.damaged();
                        Step::Progress
                    }
                    Ok(false) => Step::Progress,
                    Err(error) => self.failed(&error),
                }
            }
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&self, error: &ArchiveError) -> Step {
        tracing::warn!(%error, "cannot store logs; services continue, and the logs wait in their files");
        self.counters.failed_write();
        Step::Failed
    }

    async fn try_step(&mut self, now: Micros) -> Result<Step, ArchiveError> {
        let losses = self.archive.losses();
        let tailer = match self.tailer.take().filter(|_| losses == self.losses) {
            Some(tailer) => tailer,
            None => Tailer::new(&self.directory, self.archive.cursors().await?),
        };
        self.losses = losses;
        let read = tokio::task::spawn_blocking(move || {
            let batch = tailer.read(BATCH);
            (tailer, batch)
        });
        // After a panic the positions are read again.
        let Ok((tailer, batch)) = read.await else { return Ok(Step::Failed) };
        let tailer = self.tailer.insert(tailer);
        if batch.is_empty() {
            self.counters.behind(0);
            return Ok(Step::Idle);
        }
        let Batch { mut lines, cursors, corrupt, gaps } = batch;
        let jumps = self.times.get_or_insert_default().lines(&lines);
        let read = lines.len();
        let (oldest, newest) = ((now.day() - self.retention.days) * DAY, now.0 + DAY);
        lines.retain(|line| (oldest..newest).contains(&line.time.0));
        let out_of_range = (read - lines.len()) as u64;
        let latest = lines.iter().map(|line| line.time).max();
        // Before the positions: after a kill between the two, the gaps are found again.
        let gaps = self.archive.note_gaps(gaps.into_iter().map(|gap| known(gap, now)).collect())?;
        self.counters.missing(&gaps);
        let lines: Vec<Arc<Line>> = lines.into_iter().map(Arc::new).collect();
        let stored = self.archive.store(lines.clone(), &cursors, now.day()).await?;
        self.counters.stored(stored, latest);
        self.counters.rejected(corrupt, out_of_range);
        (0..jumps).for_each(|_| self.counters.clock_jumped());
        tailer.commit(cursors);
        self.counters.behind(tailer.behind());
        // Lines that are read again after a restart were seen before.
        if stored.new > 0 {
            self.live.push(lines);
        }
        Ok(Step::Progress)
    }
}

fn known(Gap { service, lines, reason, place }: Gap, now: Micros) -> KnownGap {
    KnownGap { found_at: now.0, source: service, lines, reason: reason.to_owned(), place }
}

#[cfg(test)]
mod tests;
