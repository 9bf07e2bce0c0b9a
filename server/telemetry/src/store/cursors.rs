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
