//! Users, files, disks, databases.

use crate::commands::doctor::facts::{Database, Disk, FileFact};
use crate::commands::unix_user;
use nix::sys::statvfs::{FsFlags, statvfs};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use tornado_shared::model::UnixSeconds;

/// Files that are named; more of the same say nothing new.
const MOST: usize = 10;

pub(super) fn missing_users() -> Vec<&'static str> {
    super::services().map(unix_user).filter(|(_, user)| user.is_none()).map(|(name, _)| name).collect()
}

/// Everything of the state that has another owner or more open mode than it must.
pub(super) fn state(state: &Path) -> Vec<FileFact> {
    let mut wrong = Vec::new();
    if let Some(fact) = fact(state, 0, 0o755) {
        wrong.push(fact);
    }
    for service in super::services() {
        let (_, Some(user)) = unix_user(service) else { continue };
        each(&state.join(service.as_str()), &mut |path| wrong.extend(fact(path, user.uid.as_raw(), 0o700)));
    }
    wrong.truncate(MOST);
    wrong
}

fn fact(path: &Path, wanted_uid: u32, allowed: u32) -> Option<FileFact> {
    let found = std::fs::symlink_metadata(path).ok()?;
    let is_plain = found.is_dir() || found.is_file();
    let fact = FileFact { path: path.to_owned(), uid: found.uid(), wanted_uid, mode: found.mode() & 0o777, allowed };
    (is_plain && (fact.uid != wanted_uid || fact.mode & !allowed != 0)).then_some(fact)
}

/// A path and all below it. Follows no link.
fn each(path: &Path, look: &mut impl FnMut(&Path)) {
    look(path);
    let is_directory = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    if !is_directory {
        return;
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        each(&entry.path(), look);
    }
}

/// The newest change below the services' directories.
pub(super) fn newest(state: &Path) -> Option<UnixSeconds> {
    let mut newest = None;
    for service in super::services() {
        each(&state.join(service.as_str()), &mut |path| {
            let changed = std::fs::symlink_metadata(path).and_then(|found| found.modified()).ok();
            let since = changed.and_then(|changed| changed.duration_since(UNIX_EPOCH).ok());
            newest = newest.max(since.and_then(|since| i64::try_from(since.as_secs()).ok()));
        });
    }
    newest
}

/// Room for each path that exists.
pub(super) fn disks(paths: &[&PathBuf]) -> Vec<Disk> {
    let disk = |path: &&PathBuf| {
        let found = statvfs(path.as_path()).ok()?;
        // File systems without a fixed number of files say 0 of 0.
        let free_files = (found.files() > 0).then(|| found.files_available());
        let free_bytes = found.blocks_available().saturating_mul(found.fragment_size());
        let is_read_only = found.flags().contains(FsFlags::ST_RDONLY);
        Some(Disk { path: path.to_path_buf(), free_bytes, free_files, is_read_only })
    };
    paths.iter().filter_map(disk).collect()
}

/// Both databases, where there are any.
pub(super) async fn databases(state: &Path) -> Vec<Database> {
    let mut found = Vec::new();
    for (path, known) in [
        (state.join("auth/identity.db"), tornado_store::KnownSchema::Identity),
        (state.join("session/session.db"), tornado_store::KnownSchema::Sessions),
    ] {
        if !path.exists() {
            continue;
        }
        let check = tornado_store::check_sqlite(&path).await.map_err(|error| error.to_string());
        let is_newer = tornado_store::is_newer_sqlite(&path, known).await.unwrap_or(false);
        found.push(Database { path, check, is_newer });
    }
    found
}
