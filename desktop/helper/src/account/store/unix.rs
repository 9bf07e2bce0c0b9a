//! Modes and owners of Unix.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

/// How to make a read-only file system writable.
pub(super) const REMOUNT: &str = "remount it read-write as root (`mount -o remount,rw`)";

/// The command that makes a file private.
pub(super) fn repair(path: &Path) -> String {
    format!("chmod 600 {}", path.display())
}

/// Creates the directory with mode 0700. An existing one keeps its mode.
pub(super) fn create(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// Whether another user can access the file.
pub(super) fn is_exposed(_: &Path, file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

/// Gives the file to the owner of the directory.
pub(super) fn give_to_owner(directory: &Path, path: &Path) -> io::Result<()> {
    let (directory, file) = (fs::metadata(directory)?, fs::metadata(path)?);
    if directory.uid() == file.uid() {
        return Ok(());
    }
    std::os::unix::fs::chown(path, Some(directory.uid()), Some(directory.gid()))
}
