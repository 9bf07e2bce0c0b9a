//! Facts about users, files, disks and databases.

use crate::commands::backup::ask_database;
use crate::commands::doctor::facts::{Database, Disk, FileFact, OpenUser};
use crate::commands::unix_user;
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::User;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use tornado_contracts::ServiceName;
use tornado_runtime::beneath::Beneath;
use tornado_runtime::clock::unix_seconds;
use tornado_shared::model::UnixSeconds;

/// Maximum number of names that are read in one directory.
const MOST_NAMES: usize = 10_000;
/// Maximum number of files that are reported.
const MOST: usize = 10;

pub(super) fn missing_users() -> Vec<&'static str> {
    ServiceName::ALL.into_iter().map(unix_user).filter(|(_, user)| user.is_none()).map(|(name, _)| name).collect()
}

/// Users of services that are root or have a login shell.
pub(super) fn open_users() -> Vec<OpenUser> {
    let users = ServiceName::ALL.into_iter().filter_map(|service| unix_user(service).1);
    let is_open = |user: &User| user.uid.is_root() || !tornado_runtime::ground::is_no_shell(&user.shell);
    let fact = |user: User| OpenUser { name: user.name, uid: user.uid.as_raw(), shell: user.shell };
    users.filter(is_open).map(fact).collect()
}

/// Files and directories of the state whose owner is wrong or whose mode is too permissive.
pub(super) fn state(state: &Path) -> Vec<FileFact> {
    let mut wrong = Vec::new();
    if let Ok(found) = std::fs::symlink_metadata(state) {
        wrong.extend(fact(state, &found, 0, 0o755));
    }
    for service in ServiceName::ALL {
        let (_, Some(user)) = unix_user(service) else { continue };
        each(state, service, &mut |path, found| wrong.extend(fact(path, found, user.uid.as_raw(), 0o700)));
    }
    wrong.truncate(MOST);
    wrong
}

fn fact(path: &Path, found: &Metadata, wanted_uid: u32, allowed: u32) -> Option<FileFact> {
    let is_plain = found.is_dir() || found.is_file();
    let fact = FileFact { path: path.to_owned(), uid: found.uid(), wanted_uid, mode: found.mode() & 0o777, allowed };
    (is_plain && (fact.uid != wanted_uid || fact.mode & !allowed != 0)).then_some(fact)
}

/// Calls `look` for the directory of a service and everything below it. Follows no links.
fn each(state: &Path, service: ServiceName, look: &mut impl FnMut(&Path, &Metadata)) {
    fn below(at: &Beneath, path: &Path, look: &mut impl FnMut(&Path, &Metadata)) {
        let names = at.names(MOST_NAMES).map(|(names, _)| names).unwrap_or_default();
        for name in names {
            let (name, path) = (Path::new(&name), path.join(&name));
            let Ok(found) = at.metadata(name) else { continue };
            look(&path, &found);
            if found.is_dir()
                && let Ok(inner) = at.directory(name)
            {
                below(&inner, &path, look);
            }
        }
    }
    let path = state.join(service.as_str());
    let Ok(found) = std::fs::symlink_metadata(&path) else { return };
    look(&path, &found);
    if let Ok(at) = Beneath::new(&path, None) {
        below(&at, &path, look);
    }
}

/// The newest change below the services' directories.
pub(super) fn newest(state: &Path) -> Option<UnixSeconds> {
    let mut newest = None;
    for service in ServiceName::ALL {
        each(state, service, &mut |_, found| {
            newest = newest.max(found.modified().ok().map(unix_seconds));
        });
    }
    newest
}

/// Returns true if a path exists on a file system that is mounted read-only.
pub(super) fn is_read_only(path: &Path) -> bool {
    statvfs(path).is_ok_and(|found| found.flags().contains(FsFlags::ST_RDONLY))
}

/// Free space at each path, or at its nearest existing parent.
pub(super) fn disks(paths: &[&PathBuf]) -> Vec<Disk> {
    let disk = |path: &&PathBuf| {
        let found = path.ancestors().find_map(|existing| statvfs(existing).ok())?;
        // File systems without a fixed number of inodes report 0 of 0.
        let free_files = (found.files() > 0).then(|| found.files_available());
        let free_bytes = found.blocks_available().saturating_mul(found.fragment_size());
        let is_read_only = found.flags().contains(FsFlags::ST_RDONLY);
        let cure_read_only = tornado_runtime::ground::cure_read_only(path);
        Some(Disk { path: path.to_path_buf(), free_bytes, free_files, is_read_only, cure_read_only })
    };
    paths.iter().filter_map(disk).collect()
}

/// The existing databases, read with the rights of their service, because the service controls what their names refer
/// to.
pub(super) fn databases(state: &Path) -> Vec<Database> {
    let mut found = Vec::new();
    for (service, name, known) in [
        (ServiceName::Auth, "identity.db", tornado_store::KnownSchema::Identity),
        (ServiceName::Session, "session.db", tornado_store::KnownSchema::Sessions),
    ] {
        let path = state.join(service.as_str()).join(name);
        if !path.exists() {
            continue;
        }
        let check = ask_database(service, || tornado_store::check_sqlite(&path)).map_err(|error| format!("{error:#}"));
        let is_newer = ask_database(service, || tornado_store::is_newer_sqlite(&path, known)).unwrap_or(false);
        found.push(Database { path, check, is_newer });
    }
    found
}
