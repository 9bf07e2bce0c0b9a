//! Files of a backup that are not state: configuration, certificate, passwords. Existing files are never lost.

use super::place::{Place, ROOT, owner_of};
use super::swap::swap_file;
use anyhow::Context as _;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use tornado_runtime::files::{Access, Durability, beside, create};

/// The path of such a file in the directory into which a backup is unpacked, by its number.
pub(super) fn unpacked(new: &Path, number: usize) -> PathBuf {
    new.join(format!(".elsewhere-{number}"))
}

/// A complete file in the target directory, ready to be renamed.
struct Ready {
    unfinished: PathBuf,
    to: PathBuf,
    /// The new name of the existing file.
    keep_as: Option<PathBuf>,
    /// The existing file that stays, if the new one is only placed beside it.
    stays: Option<PathBuf>,
}

/// The files of one restore. Files that were not put in place are removed on drop.
#[derive(Default)]
pub(super) struct Elsewhere {
    ready: Vec<Ready>,
    /// Files for which this machine has no place, with the reason.
    unwanted: Vec<String>,
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        for Ready { unfinished, .. } in &self.ready {
            // Files that are in place no longer have this name, so this does nothing for them.
            drop(std::fs::remove_file(unfinished));
        }
    }
}

impl Elsewhere {
    /// Moves the files out of `new` to their target directories. If this machine keeps its own configuration, it also
    /// keeps its other files.
    pub(super) fn prepare(
        new: &Path,
        places: &[Place],
        config_path: &Path,
        keeps_own: bool,
        now: i64,
    ) -> anyhow::Result<Self> {
        let mut all = Self::default();
        for (number, place) in places.iter().enumerate() {
            let from = unpacked(new, number);
            match place {
                Place::State { .. } | Place::Pools => continue,
                Place::Nowhere(what) => all.unwanted.push(what.clone()),
                Place::Config => all.one(&from, config_path, (0o644, ROOT.gid), keeps_own, now)?,
                Place::Elsewhere { path, mode, reader } => {
                    let group = reader.map_or(Ok(ROOT), owner_of)?.gid;
                    // If there is no file, nothing of this machine is lost.
                    let stays = keeps_own && exists(path);
                    all.one(&from, path, (*mode, group), stays, now)?;
                }
            }
            std::fs::remove_file(&from).with_context(|| format!("cannot remove {}", from.display()))?;
        }
        Ok(all)
    }

    fn one(&mut self, from: &Path, path: &Path, of: (u32, u32), stays: bool, now: i64) -> anyhow::Result<()> {
        let failed = || format!("cannot write {}", path.display());
        let is_same = exists(path) && std::fs::read(path).ok() == Some(std::fs::read(from).with_context(failed)?);
        if stays && is_same {
            return Ok(());
        }
        let to = if stays { beside(path, "from-backup") } else { path.to_owned() };
        let keep_as = (!stays && !is_same && exists(path)).then(|| beside(path, &format!("before-{now}")));
        let unfinished = beside(&to, "restoring");
        self.ready.push(Ready { unfinished: unfinished.clone(), to, keep_as, stays: stays.then(|| path.to_owned()) });
        lay(from, &unfinished, of).with_context(failed)
    }

    /// Puts all files in place. Returns messages about files that existed.
    pub(super) fn finish(self) -> anyhow::Result<Vec<String>> {
        let mut told = Vec::new();
        for Ready { unfinished, to, keep_as, stays } in &self.ready {
            swap_file(unfinished, to, keep_as.as_deref())
                .with_context(|| format!("the state was restored, but {} was not", to.display()))?;
            if let Some(stays) = stays {
                told.push(format!("Kept {}; the file from the backup is {}.", stays.display(), to.display()));
            }
            if let Some(kept) = keep_as {
                told.push(format!(
                    "Replaced {} with the file from the backup; the former file is {}.",
                    to.display(),
                    kept.display()
                ));
            }
        }
        for what in &self.unwanted {
            told.push(format!("Left out: {what}"));
        }
        Ok(told)
    }
}

/// Also true for a dangling symbolic link.
fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// Copies a file. Never overwrites a file or follows a symbolic link.
fn lay(from: &Path, to: &Path, (mode, group): (u32, u32)) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(to.parent().unwrap_or(Path::new("/")))?;
    let access = Access::mode(mode).owned_by(ROOT.uid, group);
    create(to, access, Durability::Synced, |file| io::copy(&mut File::open(from)?, file).map(drop))
}

#[cfg(test)]
#[path = "elsewhere_tests.rs"]
mod tests;
