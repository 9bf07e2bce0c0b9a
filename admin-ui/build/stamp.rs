//! The stamp of the console's sources. Server and browser render the same markup only if both were built from the same
//! sources, so the server takes the files for the browser only with its own stamp.
//!
//! The build script and `xtask/web` include this file.

use std::io;
use std::path::{Path, PathBuf};

/// What a stamp depends on, below the root of the tree.
pub const SOURCES: [&str; 6] =
    ["admin-ui/src", "admin-ui/locales", "admin-ui/style", "shared/ui/src", "shared/ui-macros/src", "Cargo.lock"];

/// The stamp of [`SOURCES`] and of `more` below `root`.
///
/// # Errors
///
/// A file cannot be read.
pub fn of(root: &Path, more: &[&str]) -> io::Result<String> {
    let mut files = Vec::new();
    for source in SOURCES.iter().chain(more) {
        collect(&root.join(source), &mut files)?;
    }
    files.sort();
    let mut stamp = FNV_START;
    for file in files {
        let name = file.strip_prefix(root).unwrap_or(&file);
        stamp = digest(stamp, name.to_string_lossy().as_bytes());
        stamp = digest(stamp, &std::fs::read(&file)?);
    }
    Ok(format!("{stamp:016x}"))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}

/// Start value of [`digest`].
pub const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

/// Continues a digest (FNV-1a), which tells versions apart. Nothing trusts it.
pub fn digest(start: u64, content: &[u8]) -> u64 {
    content.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
