//! Replaces a directory or a file atomically.

use anyhow::Context as _;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use std::io;
use std::path::{Path, PathBuf};
use tornado_runtime::files::{optional, sync_directory};
use tornado_runtime::ground::mount_point;

/// Replaces `old`, which may be absent, with `new`. At every moment there is one complete directory. Returns the new
/// path of the old directory, unless that was empty.
pub(super) fn swap(new: &Path, old: &Path, keep_as: &Path) -> anyhow::Result<Option<PathBuf>> {
    let failed = || format!("cannot move {} to {}", new.display(), old.display());
    let is_first = !old.exists();
    let put = if is_first { std::fs::rename(new, old) } else { exchange(new, old) };
    if let Err(error) = put {
        // After a success, this path would refer to the old directory.
        drop(std::fs::remove_dir_all(new));
        return Err(error).with_context(|| format!("{}; nothing was changed", failed()));
    }
    sync_parent(old)?;
    if is_first {
        return Ok(None);
    }
    // `new` now refers to the old directory.
    if super::place::is_empty(new)? {
        std::fs::remove_dir_all(new).with_context(|| format!("cannot remove {}", new.display()))?;
        return Ok(None);
    }
    std::fs::rename(new, keep_as).with_context(|| format!("cannot rename {}", new.display()))?;
    Ok(Some(keep_as.to_owned()))
}

/// Replaces a file. The old one is renamed to `keep_as`, or removed if that is `None`.
pub(super) fn swap_file(new: &Path, old: &Path, keep_as: Option<&Path>) -> anyhow::Result<()> {
    if let Some(keep_as) = keep_as {
        std::fs::rename(old, keep_as)?;
    }
    if let Err(error) = std::fs::rename(new, old) {
        if let Some(keep_as) = keep_as {
            std::fs::rename(keep_as, old)?;
        }
        return Err(error.into());
    }
    sync_parent(old)
}

fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    Ok(renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE)?)
}

/// Returns true if a file system is mounted on this directory, so that it cannot be renamed.
pub(super) fn is_mount_point(path: &Path) -> io::Result<bool> {
    let path = optional(std::fs::canonicalize(path))?;
    path.map_or(Ok(false), |path| Ok(mount_point(&path)? == path))
}

pub(in crate::commands) fn sync_parent(path: &Path) -> anyhow::Result<()> {
    let parent = path.parent().context("the path has no parent directory")?;
    sync_directory(parent).context("cannot sync the directory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_one_is_kept_when_there_was_anything() {
        let dir = tempfile::tempdir().unwrap();
        let [new, old, kept] = ["new", "old", "kept"].map(|name| dir.path().join(name));
        let fill = |path: &Path, text: &str| {
            std::fs::create_dir_all(path).unwrap();
            std::fs::write(path.join("x"), text).unwrap();
        };
        fill(&new, "1");
        assert_eq!(swap(&new, &old, &kept).unwrap(), None);
        fill(&new, "2");
        assert_eq!(swap(&new, &old, &kept).unwrap(), Some(kept.clone()));
        assert_eq!(std::fs::read_to_string(old.join("x")).unwrap(), "2");
        assert_eq!(std::fs::read_to_string(kept.join("x")).unwrap(), "1");
        std::fs::remove_file(old.join("x")).unwrap();
        fill(&new, "3");
        assert_eq!(swap(&new, &old, &kept.join("again")).unwrap(), None);
        assert!(!new.exists());
    }

    #[test]
    fn what_cannot_be_put_in_place_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let new = dir.path().join("new");
        std::fs::create_dir_all(&new).unwrap();
        assert!(swap(&new, &dir.path().join("none/state"), &dir.path().join("kept")).is_err());
        assert!(!new.exists());
    }

    #[test]
    fn a_mount_point_is_known() {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: needs root");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("the state");
        assert!(!is_mount_point(&state).unwrap());
        std::fs::create_dir(&state).unwrap();
        assert!(!is_mount_point(&state).unwrap());
        // A bind mount of the same file system: the device number would not reveal it.
        let flags = nix::mount::MsFlags::MS_BIND;
        nix::mount::mount(Some(dir.path()), &state, None::<&str>, flags, None::<&str>).unwrap();
        let found = is_mount_point(&state);
        nix::mount::umount(&state).unwrap();
        assert!(found.unwrap());
    }
}
