//! Files that hold secrets: created with mode 0600, complete or absent, never overwritten.

use super::error::KeysError;
use serde::{Serialize, de::DeserializeOwned};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use tornado_runtime::files::{self, Access, Durability, UNFINISHED, create, optional, unfinished};
use zeroize::Zeroizing;

/// Largest key file, bytes.
const MAX_LEN: u64 = 16 * 1024;

fn io(path: &Path) -> impl FnOnce(io::Error) -> KeysError + '_ {
    move |source| KeysError::File { path: path.to_owned(), source }
}

/// Creates a directory that only its owner can enter.
pub fn make_dir(path: &Path) -> Result<(), KeysError> {
    DirBuilder::new().mode(0o700).create(path).map_err(io(path))
}

/// Writes a new file: mode 0600 from creation, flushed, then linked to its name. Fails if the name exists.
pub fn write_new<T: Serialize>(dir: &Path, name: &str, value: &T) -> Result<(), KeysError> {
    let path = dir.join(name);
    let text = serde_json::to_vec_pretty(value).map(Zeroizing::new).map_err(|_| unencodable(&path))?;
    let unfinished = unfinished(&path);
    create(&unfinished, Access::PRIVATE, Durability::Synced, |file| file.write_all(&text)).map_err(io(&unfinished))?;
    tornado_runtime::trial::fault_point("rotation.unfinished");
    // `link` fails if the name exists; `rename` would replace the file.
    fs::hard_link(&unfinished, &path).map_err(io(&path))?;
    tornado_runtime::trial::fault_point("rotation.linked");
    remove(&unfinished)?;
    sync_dir(dir)
}

/// Replaces a file atomically: after a power failure readers see either the old or the new content.
pub fn replace<T: Serialize>(dir: &Path, name: &str, value: &T) -> Result<(), KeysError> {
    let path = dir.join(name);
    let text = serde_json::to_vec(value).map(Zeroizing::new).map_err(|_| unencodable(&path))?;
    files::replace(&path, &text, Access::PRIVATE, Durability::Synced).map_err(io(&path))
}

fn unencodable(path: &Path) -> KeysError {
    KeysError::Damaged { path: path.to_owned(), reason: "cannot be encoded as JSON".into() }
}

/// Flushes a directory's entries to disk.
pub fn sync_dir(dir: &Path) -> Result<(), KeysError> {
    files::sync_directory(dir).map_err(io(dir))
}

/// Reads a file that must be private and complete.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, KeysError> {
    let mut file = File::open(path).map_err(io(path))?;
    let metadata = file.metadata().map_err(io(path))?;
    let damaged = |reason: &str| KeysError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
    if !metadata.is_file() || metadata.len() > MAX_LEN {
        return Err(damaged("not a regular file, or too large"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(KeysError::Exposed(path.to_owned()));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default() + 1));
    file.read_to_end(&mut text).map_err(io(path))?;
    // The parser's message could contain the secret.
    serde_json::from_slice(&text).map_err(|error| damaged(&format!("invalid content at line {}", error.line())))
}

/// The key files of a directory.
pub fn names(dir: &Path) -> Result<Vec<PathBuf>, KeysError> {
    let metadata = fs::metadata(dir).map_err(io(dir))?;
    if metadata.mode() & 0o077 != 0 {
        return Err(KeysError::Exposed(dir.to_owned()));
    }
    let (mut paths, _) = entries(dir)?;
    paths.sort();
    Ok(paths)
}

/// Removes incomplete files left by a crash; they were never used.
pub fn clear(dir: &Path) -> Result<(), KeysError> {
    let (_, unfinished) = entries(dir)?;
    unfinished.iter().try_for_each(|path| remove(path))
}

/// Complete and incomplete files.
fn entries(dir: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), KeysError> {
    let (mut finished, mut unfinished) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(dir).map_err(io(dir))? {
        let path = entry.map_err(io(dir))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(UNFINISHED) { &mut unfinished } else { &mut finished }.push(path);
    }
    Ok((finished, unfinished))
}

/// Removes the file of an unused key permanently.
pub fn remove(path: &Path) -> Result<(), KeysError> {
    fs::remove_file(path).map_err(io(path))
}

/// Gives a directory its final name.
pub fn rename_dir(from: &Path, to: &Path) -> Result<(), KeysError> {
    sync_dir(from)?;
    fs::rename(from, to).map_err(io(to))?;
    to.parent().map_or(Ok(()), sync_dir)
}

/// Removes the directory of an interrupted first start; it was never used.
pub fn remove_unused_dir(path: &Path) -> Result<(), KeysError> {
    optional(fs::remove_dir_all(path)).map(drop).map_err(io(path))
}

/// True if the path exists.
pub fn exists(path: &Path) -> Result<bool, KeysError> {
    path.try_exists().map_err(io(path))
}
