//! Files of the state directory, private to the service.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Overwrites the existing file in place. This allocates no disk space, so it works on a full disk. It is not atomic: a
/// reader may see a mixture of old and new content, and a power failure can make the mixture permanent.
pub(crate) fn overwrite(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let written = file.write_all(bytes);
    // If there was no space for a new file, it is left empty.
    let kept = if written.is_ok() { bytes.len() as u64 } else { 0 };
    file.set_len(kept)?;
    file.sync_all()?;
    written
}

/// Creates a directory with mode 0700, or sets that mode on an existing one.
pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        Ok(()) | Err(_) => {}
    }
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// Reads a file as text. Fails if it is larger than `limit` bytes.
pub(crate) fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    File::open(path)?.take(limit + 1).read_to_string(&mut text)?;
    if text.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {limit} bytes")));
    }
    Ok(text)
}
