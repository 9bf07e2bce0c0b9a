//! Modes and inodes.

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Owner writes, the group of the directory reads.
pub(super) const MODE: u32 = 0o640;

/// Opens or creates a file for appending. A symbolic link is not followed.
pub(super) fn appending(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(MODE).custom_flags(nix::libc::O_NOFOLLOW).open(path)
}

pub(super) fn permit(file: &File, found: &Metadata) -> io::Result<()> {
    if found.permissions().mode() & 0o777 == MODE {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(MODE))
}

/// Distinguishes the file from another one at its path.
pub(super) fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}
