//! What each day file holds, and what is missing, in small files beside the day files: the loss of a day file can then
//! be stated with its size, and lines that are missing are known after a restart.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use tornado_log::line::Micros;
use tornado_runtime::files::{Access, Durability, optional, replace};

/// Largest size of a file in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// Gaps that are remembered.
const MAX_GAPS: usize = 100;

/// Lines of one process in a day file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The service.
    pub service: String,
    /// The process.
    pub process: u64,
    /// Number of lines.
    pub lines: u64,
    /// The largest sequence number.
    pub newest: u64,
    /// Lines that a damaged file of this day had held before.
    pub again: u64,
}

/// What was in the damaged files of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Number of lines; `None` if it is not known.
    pub lines: Option<u64>,
    /// What the files held.
    pub held: Vec<Held>,
}

/// A day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// What its file holds, in the order of the latest line.
    pub held: Vec<Held>,
    /// What its damaged files held.
    #[serde(default)]
    pub lost: Option<Lost>,
}

impl Day {
    /// Reads a day's file; `None` if it does not exist or is not valid.
    pub(super) fn read(path: &Path) -> Option<Self> {
        read(path)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written, for example on a full disk.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        write(path, self)
    }

    /// The day after its file was damaged. Lines of earlier losses that were read again are in the damaged file.
    #[must_use]
    pub fn damaged(self) -> Self {
        let remaining = self.missing();
        let of_file = self.held.iter().map(|held| held.lines).sum::<u64>();
        let mut known = self.lost.map(|lost| lost.held).unwrap_or_default();
        for held in self.held {
            known.retain(|before| before.process != held.process || before.newest > held.newest);
            if !known.iter().any(|before| before.process == held.process) {
                known.push(held);
            }
        }
        Self { held: Vec::new(), lost: Some(Lost { lines: remaining.map(|lines| lines + of_file), held: known }) }
    }

    /// A damaged day of which nothing is known.
    #[must_use]
    pub const fn unknown() -> Self {
        Self { held: Vec::new(), lost: Some(Lost { lines: None, held: Vec::new() }) }
    }

    /// Lines of damaged files that were not read again; `None` if the number is not known.
    #[must_use]
    pub fn missing(&self) -> Option<u64> {
        let again = self.held.iter().map(|held| held.again).sum();
        self.lost.as_ref().map_or(Some(0), |lost| Some(lost.lines?.saturating_sub(again)))
    }

    /// Service, process and largest sequence number of all lines that were stored, those of damaged files first.
    pub fn newest(&self) -> impl Iterator<Item = (&str, u64, u64)> {
        let lost = self.lost.iter().flat_map(|lost| &lost.held);
        lost.chain(&self.held).map(|held| (held.service.as_str(), held.process, held.newest))
    }
}

/// Lines that are missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownGap {
    /// Time at which the gap was found.
    pub found_at: i64,
    /// The service, or the file.
    pub source: String,
    /// Number of missing lines, if known.
    pub lines: Option<u64>,
    /// Description.
    pub reason: String,
    /// A gap that is found again has the same.
    pub place: (u64, u64),
}

/// The latest gaps, the newest first.
#[derive(Debug)]
pub struct Gaps {
    path: PathBuf,
    /// `None` until they are read.
    known: Option<VecDeque<KnownGap>>,
}

impl Gaps {
    /// The gaps in this file.
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, known: None }
    }

    /// All gaps.
    pub fn all(&mut self) -> &mut VecDeque<KnownGap> {
        let path = &self.path;
        self.known.get_or_insert_with(|| read(path).unwrap_or_default())
    }

    /// Adds the gaps that are not known, and returns them.
    ///
    /// # Errors
    /// When the file cannot be written; nothing is added then.
    pub fn add(&mut self, gaps: Vec<KnownGap>) -> io::Result<Vec<KnownGap>> {
        let mut all = self.all().clone();
        let is_same = |a: &KnownGap, b: &KnownGap| (&a.source, &a.reason, a.place) == (&b.source, &b.reason, b.place);
        let new = gaps.into_iter().filter(|gap| !all.iter().any(|known| is_same(known, gap)));
        let new: Vec<KnownGap> = new.collect();
        if new.is_empty() {
            return Ok(new);
        }
        new.iter().for_each(|gap| all.push_front(gap.clone()));
        all.truncate(MAX_GAPS);
        self.replace(all)?;
        Ok(new)
    }

    /// Replaces the gap of a source that has at most one.
    ///
    /// # Errors
    /// When the file cannot be written; nothing changes then.
    pub fn set(&mut self, gap: KnownGap) -> io::Result<()> {
        let mut all = self.all().clone();
        all.retain(|known| known.source != gap.source);
        all.push_front(gap);
        all.truncate(MAX_GAPS);
        self.replace(all)
    }

    /// Changes the number of lines of a source's gap.
    ///
    /// # Errors
    /// When the file cannot be written; nothing changes then.
    pub fn correct(&mut self, source: &str, lines: Option<u64>) -> io::Result<()> {
        let mut all = self.all().clone();
        match all.iter_mut().find(|known| known.source == source && known.lines != lines) {
            Some(known) => known.lines = lines,
            None => return Ok(()),
        }
        self.replace(all)
    }

    fn replace(&mut self, all: VecDeque<KnownGap>) -> io::Result<()> {
        write(&self.path, &all)?;
        self.known = Some(all);
        Ok(())
    }
}

impl KnownGap {
    /// The gap of a damaged day file.
    pub(super) fn of_day(day: i64, lines: Option<u64>, found_at: Micros) -> Self {
        let (source, reason) = (day_source(day), "a damaged day file was set aside".to_owned());
        Self { found_at: found_at.0, source, lines, reason, place: (0, 0) }
    }
}

/// The source of the gap of a damaged day file.
pub(super) fn day_source(day: i64) -> String {
    format!("logs-{day}.db")
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Option<T> {
    let file = optional(File::open(path)).ok()??;
    serde_json::from_reader(io::BufReader::new(io::Read::take(file, MAX_FILE))).ok()
}

/// After a power failure the file may be empty; the size of a loss is then not known.
fn write(path: &Path, value: &impl Serialize) -> io::Result<()> {
    replace(path, &serde_json::to_vec(value)?, Access::PRIVATE, Durability::Unsynced)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(process: u64, lines: u64, newest: u64, again: u64) -> Held {
        Held { service: "wg".into(), process, lines, newest, again }
    }

    #[test]
    fn a_loss_becomes_smaller_when_lines_are_read_again() {
        let day = Day { held: vec![held(1, 100, 100, 0), held(2, 10, 10, 0)], lost: None };
        assert_eq!(day.missing(), Some(0));
        let mut lost = day.damaged();
        assert_eq!(lost.missing(), Some(110));
        assert_eq!(lost.newest().collect::<Vec<_>>(), [("wg", 1, 100), ("wg", 2, 10)]);
        lost.held = vec![held(1, 40, 100, 40), held(2, 15, 15, 10)];
        assert_eq!(lost.missing(), Some(60));
        let twice = lost.damaged();
        assert_eq!(twice.missing(), Some(115), "60 of the first file and 55 of the second");
        assert_eq!(twice.newest().collect::<Vec<_>>(), [("wg", 1, 100), ("wg", 2, 15)]);
        assert_eq!(Day::unknown().missing(), None);
        assert_eq!(Day::unknown().damaged().missing(), None);
    }

    #[test]
    fn a_gap_that_is_found_again_is_noted_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gaps.json");
        let gap = |seq| KnownGap {
            found_at: 1,
            source: "wg".into(),
            lines: Some(3),
            reason: "missing".into(),
            place: (7, seq),
        };
        let mut gaps = Gaps::new(path.clone());
        assert_eq!(gaps.add(vec![gap(4), gap(9)]).unwrap().len(), 2);
        assert!(gaps.add(vec![gap(9)]).unwrap().is_empty());
        let mut again = Gaps::new(path);
        assert_eq!(again.add(vec![gap(4), gap(20)]).unwrap(), [gap(20)]);
        assert_eq!(again.all().len(), 3);
    }
}
