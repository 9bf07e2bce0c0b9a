//! The log file of one service: `<service>.log` in the directory of the service, rotated to `<service>.log.1` and so
//! on.
//!
//! Each line is one `write` in append mode. The file is compared with its path before each line, so a file that was
//! removed or renamed is created again. One process rotates: the one that holds the file's lock.

#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

use super::Sink;
use platform::{appending, identity, permit};
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use tornado_kit::files::{beside, optional};

/// When a file is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimits {
    /// Largest size of a file in bytes.
    pub size: u64,
    /// Rotated files to keep.
    pub kept: u32,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self { size: 10_000_000, kept: 5 }
    }
}

/// A log file that is open for appending, or will be opened with the next line.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    limits: FileLimits,
    open: Option<Open>,
    rotations: u64,
    replaced: u64,
}

#[derive(Debug)]
struct Open {
    file: File,
    identity: (u64, u64),
    /// True if this process holds the lock, and so is the only one that rotates.
    is_alone: bool,
    /// True after a line was written in part and could not be removed.
    is_torn: bool,
}

impl LogFile {
    /// The file of `service` in `directory`. It is opened with the first line.
    #[must_use]
    pub fn new(directory: &Path, service: &str, limits: FileLimits) -> Self {
        Self { path: directory.join(format!("{service}.log")), limits, open: None, rotations: 0, replaced: 0 }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file, opened, and its length. A file that is no longer at the path is opened again.
    fn current(&mut self) -> io::Result<(&mut Open, u64)> {
        let at_path = std::fs::symlink_metadata(&self.path);
        let is_same = |open: &Open| at_path.as_ref().is_ok_and(|found| identity(found) == open.identity);
        self.replaced += u64::from(self.open.as_ref().is_some_and(|open| !is_same(open)));
        let open = match self.open.take().filter(is_same) {
            Some(open) => self.open.insert(open),
            None => self.open.insert(open(&self.path)?),
        };
        let length = match at_path {
            Ok(found) if identity(&found) == open.identity => found.len(),
            Ok(_) | Err(_) => open.file.metadata()?.len(),
        };
        Ok((open, length))
    }

    /// Renames the files and opens a new one. The oldest file is replaced.
    fn rotate(&mut self) -> io::Result<()> {
        let numbered = |number: u32| beside(&self.path, &number.to_string());
        for number in (1..self.limits.kept).rev() {
            optional(std::fs::rename(numbered(number), numbered(number + 1)))?;
        }
        std::fs::rename(&self.path, numbered(1))?;
        self.rotations += 1;
        self.open = None;
        Ok(())
    }
}

impl Sink for LogFile {
    fn write_line(&mut self, line: &str) -> io::Result<()> {
        let limits = self.limits;
        let (mut open, mut length) = self.current()?;
        let size = line.len() as u64 + 2;
        if length > 0 && length + size > limits.size {
            // The holder of the lock may have ended since.
            open.is_alone |= open.file.try_lock().is_ok();
            // If the rotation fails, the line is written to the file as it is.
            if open.is_alone {
                drop(self.rotate());
                (open, length) = self.current()?;
            }
        }
        let begin = if open.is_torn { "\n" } else { "" };
        let bytes = format!("{begin}{line}\n").into_bytes();
        let result = append(&mut open.file, &bytes);
        open.is_torn = match &result {
            Ok(()) => false,
            // Another process may have appended since.
            Err((0, _)) => open.is_torn,
            Err(_) => !open.is_alone || open.file.set_len(length).is_err(),
        };
        result.map_err(|(_, error)| error)
    }

    fn rotations(&self) -> u64 {
        self.rotations
    }

    fn replaced(&self) -> u64 {
        self.replaced
    }
}

/// Appends with one call if possible. An error carries the number of bytes written.
fn append(file: &mut File, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match file.write(rest) {
            Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err((written, error)),
        }
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<Open> {
    let file = appending(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(ErrorKind::InvalidInput.into());
    }
    permit(&file, &found)?;
    let is_alone = file.try_lock().is_ok();
    // Another process may have left a line without an end.
    let is_torn = found.len() > 0 && !ends_with_newline(path, found.len());
    Ok(Open { file, identity: identity(&found), is_alone, is_torn })
}

fn ends_with_newline(path: &Path, length: u64) -> bool {
    let mut last = [0];
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(length.saturating_sub(1)))?;
        file.read_exact(&mut last)
    });
    read.is_ok() && last == *b"\n"
}

#[cfg(all(test, unix))]
mod tests {
    use super::platform::MODE;
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    const SMALL: FileLimits = FileLimits { size: 100, kept: 3 };

    /// All lines, the oldest first.
    fn lines(directory: &Path) -> Vec<String> {
        let read = |name: String| std::fs::read_to_string(directory.join(name)).unwrap_or_default();
        let rotated = (1..=9).rev().map(|number| read(format!("wg.log.{number}")));
        rotated
            .chain([read("wg.log".into())])
            .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn rotation_neither_loses_nor_doubles_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = LogFile::new(dir.path(), "wg", SMALL);
        let expected: Vec<String> = (0..30).map(|n| format!("line number {n:03}")).collect();
        expected.iter().for_each(|line| file.write_line(line).unwrap());
        let kept = lines(dir.path());
        assert_eq!(kept, expected[30 - kept.len()..]);
        assert_eq!(file.replaced(), 0);
        assert!(file.rotations() >= 4 && kept.len() > 15, "{} rotations, {} lines", file.rotations(), kept.len());
        let mut names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap()).collect();
        names.sort_by_key(std::fs::DirEntry::file_name);
        let names: Vec<_> = names.iter().map(|entry| (entry.file_name(), entry.metadata().unwrap())).collect();
        assert_eq!(names.len(), 4);
        for (_, found) in names {
            assert_eq!(found.mode() & 0o777, MODE);
            assert!(found.len() <= SMALL.size);
        }
    }

    #[test]
    fn a_removed_or_renamed_file_is_created_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = LogFile::new(dir.path(), "wg", FileLimits::default());
        file.write_line("one").unwrap();
        std::fs::remove_file(dir.path().join("wg.log")).unwrap();
        file.write_line("two").unwrap();
        std::fs::rename(dir.path().join("wg.log"), dir.path().join("wg.log.1")).unwrap();
        file.write_line("three").unwrap();
        assert_eq!(lines(dir.path()), ["two", "three"]);
        assert_eq!((file.replaced(), file.rotations()), (2, 0));
    }

    #[test]
    fn only_one_of_two_processes_rotates() {
        let dir = tempfile::tempdir().unwrap();
        let (mut old, mut new) =
            (LogFile::new(dir.path(), "wg", SMALL), LogFile::new(dir.path(), "wg", FileLimits { kept: 9, ..SMALL }));
        old.write_line("the first line").unwrap();
        for number in 0..8 {
            new.write_line(&format!("line number {number}")).unwrap();
        }
        assert_eq!(new.rotations(), 0);
        drop(old);
        new.write_line("line number 8").unwrap();
        assert_eq!((new.rotations(), lines(dir.path()).len()), (1, 10));
    }

    #[test]
    fn a_partial_line_is_ended_before_the_next() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("wg.log"), "whole\n{\"partial").unwrap();
        let mut file = LogFile::new(dir.path(), "wg", FileLimits::default());
        file.write_line("next").unwrap();
        assert_eq!(lines(dir.path()), ["whole", "{\"partial", "next"]);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = LogFile::new(&dir.path().join("missing"), "wg", SMALL);
        assert!(file.write_line("one").is_err());
        // A full disk, as the kernel reports it.
        let full = File::options().append(true).open("/dev/full").unwrap();
        let identity = identity(&full.metadata().unwrap());
        let open = Some(Open { file: full, identity, is_alone: true, is_torn: false });
        let mut file = LogFile { path: "/dev/full".into(), limits: SMALL, open, rotations: 0, replaced: 0 };
        assert_eq!(file.write_line("one").unwrap_err().kind(), ErrorKind::StorageFull);
    }

    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(dir.path().join("target"), dir.path().join("wg.log")).unwrap();
        assert!(LogFile::new(dir.path(), "wg", SMALL).write_line("one").is_err());
        assert!(!dir.path().join("target").exists());
    }
}
