//! The day files: storing, deleting, retention.

use super::compile::compile_plain;
use super::cursors::{Cursor, Stored};
use super::day::DayFile;
use super::error::ArchiveError;
use super::id::LineId;
use super::ledger::{Day, Gaps, KnownGap, day_source};
use super::retention::Retention;
use crate::query::Expr;
use parking_lot::Mutex as SyncMutex;
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;
use tornado_log::line::{DAY, Line, Micros};
use tornado_runtime::files::optional;

/// Day files that are open for writing.
const MAX_OPEN: usize = 2;
/// Damaged files that are kept for an examination.
pub(super) const MAX_DAMAGED: usize = 3;

/// A set of lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Selected {
    /// The condition.
    pub expr: Expr,
    /// First time.
    pub from: Micros,
    /// End, not included.
    pub until: Micros,
}

/// A day with its first and last row.
pub(super) type DayRows = (i64, (i64, i64));

/// The archive in one directory.
pub struct Archive {
    directory: PathBuf,
    writer: Mutex<Writer>,
    gaps: SyncMutex<Gaps>,
    losses: AtomicU64,
}

#[derive(Default)]
struct Writer {
    open: Vec<Opened>,
    generation: i64,
}

struct Opened {
    file: DayFile,
    known: Day,
}

impl Archive {
    /// The archive in `directory`, which must exist.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        let gaps = SyncMutex::new(Gaps::new(directory.join("gaps.json")));
        Self { directory: directory.to_owned(), writer: Mutex::default(), gaps, losses: AtomicU64::new(0) }
    }

    /// Number of files that were set aside. When it changes, positions must be read again.
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.losses.load(Ordering::SeqCst)
    }

    pub(super) fn path(&self, day: i64) -> PathBuf {
        self.directory.join(day_source(day))
    }

    /// Beside the file of the day: what it holds.
    fn ledger(&self, day: i64) -> PathBuf {
        self.directory.join(format!("{LEDGER}{day}.json"))
    }

    /// The latest gaps, the newest first.
    #[must_use]
    pub fn gaps(&self) -> Vec<KnownGap> {
        self.gaps.lock().all().iter().cloned().collect()
    }

    /// Remembers gaps, and returns those that are new.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note_gaps(&self, gaps: Vec<KnownGap>) -> Result<Vec<KnownGap>, ArchiveError> {
        self.gaps.lock().add(gaps).map_err(|source| ArchiveError::File { path: self.directory.clone(), source })
    }

    /// Days and sizes of their files, the oldest first.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn days(&self) -> Result<Vec<(i64, u64)>, ArchiveError> {
        let mut days = BTreeMap::new();
        for (name, size) in self.files()? {
            let Some((day, _)) = name.strip_prefix("logs-").and_then(|rest| rest.split_once(".db")) else { continue };
            if let (Ok(day), false) = (day.parse::<i64>(), name.ends_with(DAMAGED)) {
                *days.entry(day).or_insert(0) += size;
            }
        }
        Ok(days.into_iter().collect())
    }

    pub(super) fn files(&self) -> Result<Vec<(String, u64)>, ArchiveError> {
        let failed = |source| ArchiveError::File { path: self.directory.clone(), source };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // A file may be deleted at the same time.
            let size = entry.metadata().map_or(0, |found| found.len());
            files.extend(entry.file_name().into_string().ok().map(|name| (name, size)));
        }
        Ok(files)
    }

    /// Positions in the log files, by service: the newest in any day file. If it was lost with a damaged file, the
    /// sequence numbers are still those of all lines that were stored.
    ///
    /// # Errors
    /// When a file is damaged or cannot be read.
    pub async fn cursors(&self) -> Result<BTreeMap<String, Cursor>, ArchiveError> {
        let mut writer = self.writer.lock().await;
        let mut newest: BTreeMap<String, (i64, Cursor)> = BTreeMap::new();
        for (day, _) in self.days()? {
            let file = writer.file(self, day).await?;
            let found = file.file.cursors().await;
            for (service, (generation, cursor)) in writer.checked(day, found)? {
                if newest.get(&service).is_none_or(|(other, _)| *other < generation) {
                    newest.insert(service, (generation, cursor));
                }
            }
        }
        writer.generation = newest.values().map(|(generation, _)| *generation).max().unwrap_or_default();
        let mut cursors: BTreeMap<String, Cursor> =
            newest.into_iter().map(|(service, (_, cursor))| (service, cursor)).collect();
        let mut known: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
        for day in self.ledgers()? {
            for (service, process, newest) in day.newest() {
                known.entry(service.to_owned()).or_default().push((process, newest));
            }
        }
        for (service, processes) in known {
            let unread = Cursor { service: service.clone(), ..Cursor::default() };
            cursors.entry(service).or_insert(unread).merge(processes);
        }
        Ok(cursors)
    }

    /// What is known of each day, the oldest first.
    fn ledgers(&self) -> Result<Vec<Day>, ArchiveError> {
        let day = |name: &str| name.strip_prefix(LEDGER)?.strip_suffix(".json")?.parse::<i64>().ok();
        let mut days: Vec<i64> = self.files()?.iter().filter_map(|(name, _)| day(name)).collect();
        days.sort_unstable();
        Ok(days.into_iter().filter_map(|day| Day::read(&self.ledger(day))).collect())
    }

    /// Stores lines and the positions behind them. Without lines, the positions go to the file of `today`. When it
    /// fails, some lines may be stored; the caller stores the same lines again.
    ///
    /// # Errors
    /// When a file is damaged, or the disk is full.
    pub async fn store<L: Borrow<Line> + Send + Sync>(
        &self,
        lines: Vec<L>,
        cursors: &[Cursor],
        today: i64,
    ) -> Result<Stored, ArchiveError> {
        let mut by_day: BTreeMap<i64, Vec<(LineId, L)>> = BTreeMap::new();
        for line in lines {
            let id = LineId::of(line.borrow());
            by_day.entry(id.day).or_default().push((id, line));
        }
        if by_day.is_empty() {
            by_day.insert(today, Vec::new());
        }
        let mut writer = self.writer.lock().await;
        let mut stored = Stored::default();
        while let Some((day, mut lines)) = by_day.pop_first() {
            // The full-text index is fast only if positions grow within a transaction.
            lines.sort_by_key(|(id, line)| (*id, Borrow::<Line>::borrow(line).process));
            let positions = if by_day.is_empty() { cursors } else { &[] };
            writer.generation += 1;
            let generation = writer.generation;
            let opened = writer.file(self, day).await?;
            let result = opened.file.store(&lines, positions, generation).await;
            stored += writer.checked(day, result)?;
            writer.note(self, day).await?;
        }
        Ok(stored)
    }

    /// Deletes lines; `ids` restricts the selection to these positions.
    ///
    /// # Errors
    /// When a file is damaged, or the disk is full.
    pub async fn delete(&self, selected: &Selected, ids: Option<&[LineId]>) -> Result<u64, ArchiveError> {
        let condition = compile_plain(&selected.expr);
        let mut writer = self.writer.lock().await;
        let mut deleted = 0;
        for (day, (first, last)) in self.days_of(selected)? {
            let ranges: Vec<(i64, i64)> = match ids {
                None => vec![(first, last)],
                Some(ids) => {
                    let of_day = ids.iter().filter(|id| id.day == day && (first..=last).contains(&id.row));
                    of_day.map(|id| (id.row, id.row)).collect()
                }
            };
            for range in ranges {
                let result = writer.file(self, day).await?.file.delete(&condition, range).await;
                deleted += writer.checked(day, result)?;
            }
            writer.note(self, day).await?;
        }
        Ok(deleted)
    }

    /// Deletes expired days. Returns them.
    ///
    /// # Errors
    /// When a file cannot be deleted.
    pub async fn retain(&self, retention: Retention, today: i64) -> Result<Vec<i64>, ArchiveError> {
        let expired = retention.expired(&self.days()?, today);
        let mut writer = self.writer.lock().await;
        for day in &expired {
            writer.close(*day).await;
            for suffix in ["", "-wal", "-shm"] {
                remove(&with_suffix(&self.path(*day), suffix))?;
            }
            remove(&self.ledger(*day))?;
        }
        Ok(expired)
    }

    /// Renames the damaged file of `day`, and deletes the oldest of the files that were renamed before. `losses` is the
    /// number before the damage was found: if another task has set a file aside since, nothing happens. Returns true if
    /// the file was renamed. The number of its lines is a gap, which becomes smaller as lines are stored again.
    ///
    /// # Errors
    /// When the file cannot be renamed, or the gap cannot be remembered.
    pub async fn set_aside(&self, day: i64, losses: u64, now: Micros) -> Result<bool, ArchiveError> {
        let mut writer = self.writer.lock().await;
        if self.losses() != losses {
            return Ok(false);
        }
        writer.open.retain(|opened| opened.file.day() != day);
        let ledger = self.ledger(day);
        let known = Day::read(&ledger).map_or_else(Day::unknown, Day::damaged);
        let gap = KnownGap::of_day(day, known.missing(), now);
        let noted = self.gaps.lock().set(gap).and_then(|()| known.write(&ledger));
        noted.map_err(|source| ArchiveError::File { path: ledger, source })?;
        let path = self.path(day);
        let damaged = with_suffix(&path, DAMAGED);
        if let Err(source) = optional(std::fs::rename(&path, &damaged)) {
            return Err(ArchiveError::File { path, source });
        }
        self.losses.fetch_add(1, Ordering::SeqCst);
        for suffix in ["-wal", "-shm"] {
            remove(&with_suffix(&path, suffix))?;
        }
        let mut kept: Vec<String> = self.files()?.into_iter().map(|(name, _)| name).collect();
        kept.retain(|name| name.ends_with(DAMAGED));
        kept.sort();
        for name in kept.iter().rev().skip(MAX_DAMAGED) {
            remove(&self.directory.join(name))?;
        }
        Ok(true)
    }

    /// Closes all files.
    pub async fn close(&self) {
        let mut writer = self.writer.lock().await;
        for opened in std::mem::take(&mut writer.open) {
            opened.file.close().await;
        }
    }

    /// The existing days in a time range, with their first and last row.
    pub(super) fn days_of(&self, selected: &Selected) -> Result<Vec<DayRows>, ArchiveError> {
        let (from, until) = (selected.from.0, selected.until.0);
        let in_range = |(day, _): (i64, u64)| {
            let begin = day * DAY;
            let (first, end) = (from.max(begin) - begin, until.min(begin + DAY) - begin);
            (first < end).then(|| (day, (LineId::first_row(first), LineId::first_row(end) - 1)))
        };
        Ok(self.days()?.into_iter().filter_map(in_range).collect())
    }
}

const DAMAGED: &str = ".damaged";
/// Prefix of the files of [`Day`].
const LEDGER: &str = "held-";

impl Opened {
    /// Opens or creates the file of a day. What is known of it is what it holds: a process may have ended before it
    /// could write that down.
    async fn open(archive: &Archive, day: i64) -> Result<Self, sqlx::Error> {
        let mut known = Day::read(&archive.ledger(day)).unwrap_or_default();
        let lost = known.lost.as_ref().map(|lost| lost.held.clone()).unwrap_or_default();
        let mut file = DayFile::open(&archive.path(day), day, &lost).await?;
        let held = file.held().await?;
        if known.held != held {
            known.held = held;
            // Otherwise, it is written with the next lines.
            drop(known.write(&archive.ledger(day)));
        }
        Ok(Self { file, known })
    }
}

impl Writer {
    /// The file of a day, opened. Few files are open at a time.
    async fn file(&mut self, archive: &Archive, day: i64) -> Result<&mut Opened, ArchiveError> {
        if let Some(at) = self.open.iter().position(|opened| opened.file.day() == day) {
            let opened = self.open.remove(at);
            self.open.push(opened);
        } else {
            while self.open.len() >= MAX_OPEN {
                self.open.remove(0).file.close().await;
            }
            let opened = Opened::open(archive, day).await;
            self.open.push(opened.map_err(|error| ArchiveError::of_day(day, error))?);
        }
        match self.open.last_mut() {
            Some(file) => Ok(file),
            None => Err(ArchiveError::Sql(sqlx::Error::WorkerCrashed)),
        }
    }

    /// Writes down what the file of a day holds, for the case that it is damaged later. A failure to do so, for example
    /// on a full disk, is repaired with the next lines.
    async fn note(&mut self, archive: &Archive, day: i64) -> Result<(), ArchiveError> {
        let held = self.file(archive, day).await?.file.held().await;
        let held = self.checked(day, held)?;
        let known = &mut self.file(archive, day).await?.known;
        known.held = held;
        let mut noted = known.write(&archive.ledger(day));
        if known.lost.is_some() {
            noted = noted.and(archive.gaps.lock().correct(&day_source(day), known.missing()));
        }
        if let Err(error) = noted {
            tracing::debug!(%error, "cannot write down what a log archive holds");
        }
        Ok(())
    }

    /// Drops the connection of a failed operation, which may be inside of a transaction.
    fn checked<T>(&mut self, day: i64, result: Result<T, sqlx::Error>) -> Result<T, ArchiveError> {
        result.map_err(|error| {
            self.open.retain(|opened| opened.file.day() != day);
            ArchiveError::of_day(day, error)
        })
    }

    async fn close(&mut self, day: i64) {
        if let Some(at) = self.open.iter().position(|opened| opened.file.day() == day) {
            self.open.remove(at).file.close().await;
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> Result<(), ArchiveError> {
    let failed = |source| ArchiveError::File { path: path.to_owned(), source };
    optional(std::fs::remove_file(path)).map(drop).map_err(failed)
}
