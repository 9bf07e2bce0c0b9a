//! How far each service's files are stored. A day file holds the positions that belong to its lines, so that both
//! survive or are lost together.

use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// A position in a service's log files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The service.
    pub service: String,
    /// The file.
    pub file: FileId,
    /// Bytes that are stored or counted as corrupt.
    pub offset: u64,
    /// True inside of a line that is too long.
    #[serde(default)]
    pub is_skipping: bool,
    /// The newest sequence number of the latest processes: id and number.
    #[serde(default)]
    pub processes: Vec<(u64, u64)>,
}

/// Processes of a service that are remembered: a service may be replaced while its predecessor still writes.
const PROCESSES: usize = 4;

impl Cursor {
    /// Notes that lines of a process up to the number `newest` are stored. Returns the number that was known before.
    pub fn remember(&mut self, process: u64, newest: u64) -> Option<u64> {
        let at = self.processes.iter().position(|(known, _)| *known == process);
        let before = at.map(|at| self.processes.remove(at).1);
        self.processes.push((process, before.unwrap_or_default().max(newest)));
        self.shorten();
        before
    }

    /// Adds what is known from elsewhere, the latest process last.
    pub fn merge(&mut self, known: impl IntoIterator<Item = (u64, u64)>) {
        for (process, newest) in known {
            let at = self.processes.iter().position(|(known, _)| *known == process);
            let before = at.map_or(0, |at| self.processes.remove(at).1);
            self.processes.push((process, before.max(newest)));
        }
        self.shorten();
    }

    fn shorten(&mut self) {
        self.processes.drain(..self.processes.len().saturating_sub(PROCESSES));
    }

    /// True if lines of the file were stored. Otherwise, the file that was read is not known any more.
    #[must_use]
    pub fn has_file(&self) -> bool {
        self.file != FileId::default()
    }
}

/// Identity of a file. Inode numbers are reused, so a checksum of the first bytes belongs to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileId {
    /// Inode.
    pub inode: u64,
    /// Number of bytes in the checksum.
    pub head_length: u64,
    /// Checksum of the first bytes.
    pub head: u64,
}

/// Result of storing lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stored {
    /// Lines that were new.
    pub new: u64,
    /// Lines that were stored already.
    pub repeated: u64,
}

impl AddAssign for Stored {
    fn add_assign(&mut self, other: Self) {
        self.new += other.new;
        self.repeated += other.repeated;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known from elsewhere may be older.
    #[test]
    fn a_merge_keeps_the_largest_numbers_of_the_latest_processes() {
        let mut cursor = Cursor { processes: vec![(2, 20), (3, 30), (4, 40), (5, 500)], ..Cursor::default() };
        cursor.merge([(1, 10), (2, 20), (3, 30), (4, 41), (5, 50)]);
        assert_eq!(cursor.processes, [(2, 20), (3, 30), (4, 41), (5, 500)]);
        cursor.merge([(6, 1)]);
        assert_eq!(cursor.processes, [(3, 30), (4, 41), (5, 500), (6, 1)]);
    }
}
