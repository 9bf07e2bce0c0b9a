//! Puts a whole directory in the place of another, in one step.

use anyhow::Context as _;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Puts `new` in the place of `old`, which may be absent. Returns where the old one is now, if it was not empty.
/// At no moment is there none, or a part of one.
pub(super) fn swap(new: &Path, old: &Path, keep_as: &Path) -> anyhow::Result<Option<PathBuf>> {
    let failed = || format!("cannot put {} in the place of {}", new.display(), old.display());
    if !old.exists() {
        std::fs::rename(new, old).with_context(failed)?;
        sync_parent(old)?;
        return Ok(None);
    }
    renameat2(AT_FDCWD, new, AT_FDCWD, old, RenameFlags::RENAME_EXCHANGE)
        .map_err(std::io::Error::from)
        .with_context(failed)?;
    sync_parent(old)?;
    // `new` names what was there before.
    if super::place::is_empty(new)? {
        std::fs::remove_dir_all(new).with_context(|| format!("cannot remove {}", new.display()))?;
        return Ok(None);
    }
    std::fs::rename(new, keep_as).with_context(|| format!("cannot rename {}", new.display()))?;
    Ok(Some(keep_as.to_owned()))
}

fn sync_parent(path: &Path) -> anyhow::Result<()> {
    let parent = path.parent().context("it has no parent directory")?;
    File::open(parent).and_then(|directory| directory.sync_all()).context("cannot flush the directory")
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
}
