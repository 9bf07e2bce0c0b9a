//! Modes and owners of files; directories on disk.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::Path;

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

    /// Lets only this process's user access the new file.
    pub(super) fn restrict(self, options: &mut OpenOptions) {
        options.mode(0o600);
    }

    /// Gives the complete file to its users.
    pub(super) fn apply(self, file: &File) -> io::Result<()> {
        if let Some((uid, gid)) = self.owner {
            fchown(file, Some(uid), Some(gid))?;
        }
        file.set_permissions(Permissions::from_mode(self.mode))
    }
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
