//! Where to read next in the files of a service. Pure.

/// A log file of one service: the current one, or a rotated one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// 0 for the current file, else the number of the rotation.
    pub number: u32,
    /// Length in bytes.
    pub length: u64,
    /// True for the file of the cursor.
    pub is_cursors: bool,
}

/// What to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The file with this number, from this offset.
    Read {
        /// Number of the file.
        number: u32,
        /// First byte.
        offset: u64,
        /// True if a different file is begun than the cursor names.
        is_new: bool,
        /// True for a rotated file, to which nothing is added.
        is_finished: bool,
    },
    /// The cursor's file is gone or was truncated; begin with the oldest file.
    Restart(Lost),
    /// Everything was read.
    Idle,
}

/// Why lines may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The file became shorter than the position in it.
    Truncated,
    /// The file no longer exists.
    Removed,
}

impl Lost {
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Truncated => "a log file was truncated",
            Self::Removed => "a log file was removed before it was read completely",
        }
    }
}

/// Decides. `files` are sorted by number; `offset` belongs to the file with `is_cursors`. `has_cursor` is false before
/// the first file.
#[must_use]
pub fn next(files: &[Candidate], has_cursor: bool, offset: u64) -> Next {
    let oldest = files.last();
    let Some(current) = files.iter().position(|file| file.is_cursors) else {
        return match oldest {
            Some(_) if has_cursor => Next::Restart(Lost::Removed),
            Some(file) => begin(file),
            None => Next::Idle,
        };
    };
    let Some(file) = files.get(current) else { return Next::Idle };
    if file.length < offset {
        return Next::Restart(Lost::Truncated);
    }
    if file.length > offset {
        return Next::Read { number: file.number, offset, is_new: false, is_finished: file.number > 0 };
    }
    // The next younger file.
    current.checked_sub(1).and_then(|younger| files.get(younger)).map_or(Next::Idle, begin)
}

/// Begins with the oldest file after a restart.
#[must_use]
pub fn restart(files: &[Candidate]) -> Next {
    files.last().map_or(Next::Idle, begin)
}

const fn begin(file: &Candidate) -> Next {
    Next::Read { number: file.number, offset: 0, is_new: true, is_finished: file.number > 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(number: u32, length: u64) -> Candidate {
        Candidate { number, length, is_cursors: false }
    }

    fn cursors(number: u32, length: u64) -> Candidate {
        Candidate { is_cursors: true, ..file(number, length) }
    }

    fn read(number: u32, offset: u64, is_new: bool) -> Next {
        Next::Read { number, offset, is_new, is_finished: number > 0 }
    }

    #[test]
    fn files_are_read_from_the_oldest_to_the_current() {
        assert_eq!(next(&[], false, 0), Next::Idle);
        assert_eq!(next(&[file(0, 9), file(1, 9), file(4, 9)], false, 0), read(4, 0, true));
        assert_eq!(next(&[file(0, 9), file(1, 9), cursors(4, 9)], true, 9), read(1, 0, true));
        assert_eq!(next(&[file(0, 0), cursors(1, 9)], true, 9), read(0, 0, true));
        assert_eq!(next(&[cursors(0, 9), file(1, 9)], true, 9), Next::Idle);
        assert_eq!(next(&[cursors(0, 12), file(1, 9)], true, 9), read(0, 9, false));
    }

    #[test]
    fn a_rotation_continues_in_the_renamed_file() {
        assert_eq!(next(&[file(0, 3), cursors(1, 20)], true, 9), read(1, 9, false));
    }

    #[test]
    fn truncated_and_removed_files_are_noticed() {
        assert_eq!(next(&[cursors(0, 5)], true, 9), Next::Restart(Lost::Truncated));
        assert_eq!(next(&[file(0, 5), file(5, 5)], true, 9), Next::Restart(Lost::Removed));
        assert_eq!(next(&[], true, 9), Next::Idle, "the service has not written yet");
        assert_eq!(restart(&[file(0, 5), file(5, 5)]), read(5, 0, true));
    }
}
