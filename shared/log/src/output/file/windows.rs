//! Windows: the access list of the directory applies, which must be private.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// `FILE_FLAG_OPEN_REPARSE_POINT`: a link is opened itself.
const OPEN_LINK: u32 = 0x0020_0000;

/// Opens or creates a file for appending. A link is opened instead of followed, and is no regular file.
pub(super) fn appending(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).custom_flags(OPEN_LINK).open(path)
}

pub(super) const fn permit(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Distinguishes the file from another one at its path: by its creation time, in units of 100 ns. A file that is made
/// within 15 seconds after one of the same name was removed inherits its time, and counts as the same.
pub(super) fn identity(found: &Metadata) -> (u64, u64) {
    (found.creation_time(), 0)
}
