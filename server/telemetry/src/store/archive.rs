//! The day files: storing, deleting, retention.

use super::compile::compile_plain;
use super::cursors::{Cursor, Stored};
use super::day::DayFile;
use super::error::ArchiveError;
use super::id::LineId;
use super::retention::Retention;
use crate::query::Expr;
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
    losses: AtomicU64,
}

#[derive(Default)]
struct Writer {
    open: Vec<DayFile>,
    generation: i64,
}

impl Archive {
    /// The archive in `directory`, which must exist.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), writer: Mutex::default(), losses: AtomicU64::new(0) }
    }

    /// Number of files that were set aside. When it changes, positions must be read again.
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.losses.load(Ordering::SeqCst)
    }

    pub(super) fn path(&self, day: i64) -> PathBuf {
        self.directory.join(format!("logs-{day}.db"))
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

    /// Positions in the log files, by service: the newest in any day file.
    ///
    /// # Errors
    /// When a file is damaged or cannot be read.
    pub async fn cursors(&self) -> Result<BTreeMap<String, Cursor>, ArchiveError> {
        let mut writer = self.writer.lock().await;
        let mut newest: BTreeMap<String, (i64, Cursor)> = BTreeMap::new();
        for (day, _) in self.days()? {
            let file = writer.file(self, day).await?;
            let found = file.cursors().await;
            for (service, (generation, cursor)) in writer.checked(day, found)? {
                if newest.get(&service).is_none_or(|(other, _)| *other < generation) {
                    newest.insert(service, (generation, cursor));
                }
            }
        }
        writer.generation = newest.values().map(|(generation, _)| *generation).max().unwrap_or_default();
        Ok(newest.into_iter().map(|(service, (_, cursor))| (service, cursor)).collect())
    }

    /// Stores lines and the positions behind them. Without lines, the positions go to the file of `today`. When it
    /// fails, some lines may be stored; the caller stores the same lines again.
    ///
    /// # Errors
    /// When a file is damaged, or the disk is full.
    pub async fn store(&self, lines: Vec<Line>, cursors: &[Cursor], today: i64) -> Result<Stored, ArchiveError> {
        let mut by_day: BTreeMap<i64, Vec<(LineId, Line)>> = BTreeMap::new();
        for line in lines {
            let id = LineId::of(&line);
            by_day.entry(id.day).or_default().push((id, line));
        }
        if by_day.is_empty() {
            by_day.insert(today, Vec::new());
        }
        let mut writer = self.writer.lock().await;
        let mut stored = Stored::default();
        while let Some((day, mut lines)) = by_day.pop_first() {
            // The full-text index is fast only if positions grow within a transaction.
            lines.sort_by_key(|(id, line)| (*id, line.process));
            let positions = if by_day.is_empty() { cursors } else { &[] };
            writer.generation += 1;
            let generation = writer.generation;
            let file = writer.file(self, day).await?;
            let result = file.store(&lines, positions, generation).await;
            stored += writer.checked(day, result)?;
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
                let result = writer.file(self, day).await?.delete(&condition, range).await;
                deleted += writer.checked(day, result)?;
            }
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
        }
        Ok(expired)
    }

    /// Renames the damaged file of `day`, and deletes the oldest of the files that were renamed before. `losses` is the
    /// number before the damage was found: if another task has set a file aside since, nothing happens. Returns true if
    /// the file was renamed.
    ///
    /// # Errors
    /// When the file cannot be renamed.
    pub async fn set_aside(&self, day: i64, losses: u64) -> Result<bool, ArchiveError> {
        let mut writer = self.writer.lock().await;
        if self.losses() != losses {
            return Ok(false);
        }
        writer.open.retain(|file| file.day() != day);
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
        for file in std::mem::take(&mut writer.open) {
            file.close().await;
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

impl Writer {
    /// The file of a day, opened. Few files are open at a time.
    async fn file(&mut self, archive: &Archive, day: i64) -> Result<&mut DayFile, ArchiveError> {
        if let Some(at) = self.open.iter().position(|file| file.day() == day) {
            let file = self.open.remove(at);
            self.open.push(file);
        } else {
            while self.open.len() >= MAX_OPEN {
                self.open.remove(0).close().await;
            }
            let file = DayFile::open(&archive.path(day), day).await;
            self.open.push(file.map_err(|error| ArchiveError::of_day(day, error))?);
        }
        match self.open.last_mut() {
            Some(file) => Ok(file),
            None => Err(ArchiveError::Sql(sqlx::Error::WorkerCrashed)),
        }
    }

    /// Drops the connection of a failed operation, which may be inside of a transaction.
    fn checked<T>(&mut self, day: i64, result: Result<T, sqlx::Error>) -> Result<T, ArchiveError> {
        result.map_err(|error| {
            self.open.retain(|file| file.day() != day);
            ArchiveError::of_day(day, error)
        })
    }

    async fn close(&mut self, day: i64) {
        if let Some(at) = self.open.iter().position(|file| file.day() == day) {
            self.open.remove(at).close().await;
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
