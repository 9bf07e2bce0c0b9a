//! Copies of SQLite files from before a migration: beside the database, with its schema version in their names.

use super::KEPT;
use crate::StoreError;
use sqlx::AnyConnection;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use tornado_shared::model::UnixSeconds;

/// Part of a copy's name between the name of the database and the version of its schema.
const MARK: &str = ".schema-";

/// Copies the database at `path`, which has schema `version`, and removes old copies. Returns the path of the copy. A
/// copy of the same version is replaced.
pub(crate) async fn take(db: &mut AnyConnection, path: &Path, version: i64) -> Result<PathBuf, StoreError> {
    let to = named(path, version);
    let unfinished = match to.file_name().and_then(OsStr::to_str) {
        Some(name) => to.with_file_name(format!(".unfinished-{name}")),
        None => return Err(StoreError::Path(to)),
    };
    let taken = async {
        remove(&unfinished).map_err(|source| file(&unfinished, source))?;
        copy_to(db, &unfinished).await?;
        finish(&unfinished, &to).map_err(|source| file(&to, source))
    };
    if let Err(error) = taken.await {
        drop(remove(&unfinished));
        return Err(StoreError::CopyFailed { copy: to.display().to_string(), source: Box::new(error) });
    }
    let mut all = list(path).map_err(|source| file(path, source))?;
    all.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    for (_, old) in all.iter().skip(KEPT) {
        remove(old).map_err(|source| file(old, source))?;
    }
    Ok(to)
}

/// Removes copies that are older than `before`. Returns their number.
pub(crate) fn remove_older(path: &Path, before: UnixSeconds) -> io::Result<usize> {
    let before = UNIX_EPOCH + Duration::from_secs(u64::try_from(before).unwrap_or_default());
    let mut removed = 0;
    for (_, copy) in list(path)? {
        if copy.symlink_metadata()?.modified()? < before {
            remove(&copy)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Versions and paths of the copies of the database at `path`.
pub(crate) fn list(path: &Path) -> io::Result<Vec<(i64, PathBuf)>> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(OsStr::to_str)) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let entry_name = entry.file_name();
        let suffix = entry_name.to_str().and_then(|entry| entry.strip_prefix(name)?.strip_prefix(MARK));
        if let Some(version) = suffix.and_then(|version| version.parse().ok()) {
            found.push((version, entry.path()));
        }
    }
    Ok(found)
}

/// Writes a consistent copy of an open database to `to`, which must not exist or be empty.
pub(crate) async fn copy_to(db: &mut AnyConnection, to: &Path) -> Result<(), StoreError> {
    // Sets the mode before the file has contents; the engine accepts an empty file.
    private_file(to).map_err(|source| StoreError::File { path: to.to_owned(), source })?;
    let target = to.to_str().ok_or_else(|| StoreError::Path(to.to_owned()))?;
    sqlx::query("VACUUM INTO $1").bind(target.to_owned()).execute(db).await?;
    Ok(())
}

/// Makes the file private from its first byte. SQLite creates its `-wal` and `-shm` files with the same mode.
pub(crate) fn private_file(path: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

/// Makes the copy durable, then gives it its name.
fn finish(unfinished: &Path, to: &Path) -> io::Result<()> {
    File::open(unfinished)?.sync_all()?;
    std::fs::rename(unfinished, to)?;
    match to.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn file(path: &Path, source: io::Error) -> StoreError {
    StoreError::File { path: path.to_owned(), source }
}

/// Path of the copy of the database at `path` that has schema `version`.
pub(crate) fn named(path: &Path, version: i64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!("{MARK}{version}"));
    name.into()
}
