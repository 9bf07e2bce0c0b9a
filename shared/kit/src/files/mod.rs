//! Atomic replacement of files.
//!
//! An unfinished file has a fixed name beside its target ([`UNFINISHED`]). So a process that is killed leaves at most
//! one, which the next replacement removes. Libraries for this choose random names.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::{Access, sync_directory};
#[cfg(windows)]
pub use windows::{Access, sync_directory};

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Prefix of the names of unfinished files.
pub const UNFINISHED: &str = ".unfinished-";

/// Content of a file after a power failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Old or new, and new once the call has returned: content and directory are synced to disk.
    Synced,
    /// Old, new or empty. For hints, and for file systems in memory.
    Unsynced,
}

/// Replaces `path` with a new file that contains `bytes`. A reader sees either the old file or the complete new one.
/// Symbolic links are replaced, not followed.
///
/// # Errors
/// The operating system's error. The old file is then unchanged, unless only the directory could not be synced.
pub fn replace(path: &Path, bytes: &[u8], access: Access, durability: Durability) -> io::Result<()> {
    let unfinished = unfinished(path);
    let written = create(&unfinished, access, durability, |file| file.write_all(bytes));
    if let Err(error) = written.and_then(|()| fs::rename(&unfinished, path)) {
        drop(fs::remove_file(&unfinished));
        return Err(error);
    }
    match durability {
        Durability::Synced => sync_directory(path.parent().unwrap_or(Path::new("/"))),
        Durability::Unsynced => Ok(()),
    }
}

/// Creates a file, replacing a leftover with this name. `write` supplies the content, while only this process may read
/// it. The name is not synced.
///
/// # Errors
/// The operating system's error, or that of `write`. An incomplete file may be left.
pub fn create(
    path: &Path,
    access: Access,
    durability: Durability,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    optional(fs::remove_file(path))?;
    let mut options = OpenOptions::new();
    access.restrict(options.write(true).create_new(true));
    let mut file = options.open(path)?;
    write(&mut file)?;
    access.apply(&file)?;
    if durability == Durability::Synced { file.sync_all() } else { Ok(()) }
}

/// The name under which `path` is written before it is complete.
#[must_use]
pub fn unfinished(path: &Path) -> PathBuf {
    let mut name = OsString::from(UNFINISHED);
    name.push(path.file_name().unwrap_or_default());
    path.with_file_name(name)
}

/// `FILE.WORD` in the same directory.
#[must_use]
pub fn beside(file: &Path, word: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(word);
    file.with_file_name(name)
}

/// The result of an operation on a file that may not exist: `None` if it does not.
///
/// # Errors
/// All errors except that the file was not found.
pub fn optional<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    #[test]
    fn a_replaced_file_is_private_and_complete() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        for (text, mode, durability) in
            [("one", 0o600, Durability::Synced), ("two", 0o644, Durability::Unsynced), ("", 0o600, Durability::Synced)]
        {
            replace(&path, text.as_bytes(), Access::mode(mode), durability).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn links_and_leftovers_are_replaced_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let [path, other] = ["x", "other"].map(|name| dir.path().join(name));
        fs::write(&other, "kept").unwrap();
        symlink(&other, &path).unwrap();
        symlink(&other, dir.path().join(".unfinished-x")).unwrap();
        replace(&path, b"new", Access::PRIVATE, Durability::Synced).unwrap();
        assert!(!path.is_symlink());
        assert_eq!((fs::read(&path).unwrap(), fs::read(&other).unwrap()), (b"new".to_vec(), b"kept".to_vec()));
    }

    #[test]
    fn a_failed_replacement_leaves_the_old_file_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        fs::create_dir(&path).unwrap();
        assert!(replace(&path, b"new", Access::PRIVATE, Durability::Synced).is_err());
        assert!(path.is_dir());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_owner_is_set_before_others_may_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let own = fs::metadata(dir.path()).unwrap();
        let access = Access::mode(0o640).owned_by(own.uid(), own.gid());
        let write = |file: &mut File| {
            assert_eq!(file.metadata()?.mode() & 0o7777, 0o600);
            file.write_all(b"secret")
        };
        create(&path, access, Durability::Synced, write).unwrap();
        let made = fs::metadata(&path).unwrap();
        assert_eq!((made.mode() & 0o7777, made.uid(), made.gid()), (0o640, own.uid(), own.gid()));
    }

    #[test]
    fn only_missing_files_are_optional() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(optional(fs::read(dir.path().join("x"))).unwrap(), None);
        assert!(optional(fs::read(dir.path())).is_err());
    }

    #[test]
    fn names_beside_a_file_are_in_its_directory() {
        assert_eq!(unfinished(Path::new("/a/b.json")), Path::new("/a/.unfinished-b.json"));
        assert_eq!(beside(Path::new("/a/b.json"), "old"), Path::new("/a/b.json.old"));
    }
}
