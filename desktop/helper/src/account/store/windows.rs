//! Access lists of Windows. Files inherit that of the directory.

use std::fs::File;
use std::io;
use std::path::Path;
use tornado_windows::os::{exposed_to, make_private};

/// How to make a read-only volume writable.
pub(super) const REMOUNT: &str = "make its volume writable as an administrator";

/// The command that makes a file private: it inherits the access list of the directory again.
pub(super) fn repair(path: &Path) -> String {
    format!("icacls \"{}\" /reset", path.display())
}

/// Creates the directory and its parent for LocalSystem and administrators only.
pub(super) fn create(directory: &Path) -> io::Result<()> {
    if let Some(parent) = directory.parent().filter(|parent| !parent.exists()) {
        make_private(parent)?;
    }
    make_private(directory)
}

/// Whether another user can access the file.
pub(super) fn is_exposed(path: &Path, _: &File) -> io::Result<bool> {
    Ok(exposed_to(path)?.is_some())
}

/// Does nothing: administrators and the helper have the same rights in the directory.
pub(super) const fn give_to_owner(_: &Path, _: &Path) -> io::Result<()> {
    Ok(())
}
