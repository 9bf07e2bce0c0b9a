//! Atomic replacement of files.
//!
//! An unfinished file has a fixed name beside its target ([`UNFINISHED`]). So a process that is killed leaves at most
//! one, which the next replacement removes. Libraries for this choose random names.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, fchown};
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

/// Who may access a file. Exactly these bits: the umask is not applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    mode: u32,
    owner: Option<(u32, u32)>,
}

impl Access {
    /// Mode 0600, owned by this process.
    pub const PRIVATE: Self = Self::mode(0o600);

    /// This mode, owned by this process.
    #[must_use]
    pub const fn mode(mode: u32) -> Self {
        Self { mode, owner: None }
    }

    /// Another user and group.
    #[must_use]
    pub const fn owned_by(self, uid: u32, gid: u32) -> Self {
        Self { owner: Some((uid, gid)), ..self }
    }
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
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    write(&mut file)?;
    if let Some((uid, gid)) = access.owner {
        fchown(&file, Some(uid), Some(gid))?;
    }
    file.set_permissions(Permissions::from_mode(access.mode))?;
    if durability == Durability::Synced { file.sync_all() } else { Ok(()) }
}

/// Writes the entries of a directory to disk.
///
/// # Errors
/// The operating system's error.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    // The parent of a name without a directory is empty.
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    File::open(directory)?.sync_all()
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, symlink};

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
