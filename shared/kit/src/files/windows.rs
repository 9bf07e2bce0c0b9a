//! Windows: a file inherits the access list of its directory.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Who may access a file: those who may access its directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access(());

impl Access {
    /// The access list of the directory, which must be private.
    pub const PRIVATE: Self = Self(());

    #[expect(clippy::unused_self, reason = "on Unix, a new file has other rights than its directory")]
    pub(super) const fn restrict(self, _: &mut OpenOptions) {}

    #[expect(clippy::unused_self, reason = "as above")]
    pub(super) const fn apply(self, _: &File) -> io::Result<()> {
        Ok(())
    }
}

/// Does nothing: Windows cannot sync a directory. NTFS keeps the order of renames in its log, so after a power failure
/// either the old or the new file is there.
///
/// # Errors
/// None.
pub const fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
