//! Files of a backup that are not state: configuration, certificate, passwords. What is there already is never lost.

use super::beside;
use super::place::{Place, ROOT, owner_of};
use super::swap::swap_file;
use anyhow::Context as _;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};

/// How the file of this number lies in the directory that is unpacked into.
pub(super) fn unpacked(new: &Path, number: usize) -> PathBuf {
    new.join(format!(".elsewhere-{number}"))
}

/// A file that lies, whole, beside the place it goes to.
struct Ready {
    unfinished: PathBuf,
    to: PathBuf,
    /// Where that goes which is in its place.
    keep_as: Option<PathBuf>,
    /// The file that stays, when this one is only put beside it.
    stays: Option<PathBuf>,
}

/// Those of one restore. Whatever was not put in place is removed with this.
#[derive(Default)]
pub(super) struct Elsewhere {
    ready: Vec<Ready>,
    /// What the backup has and this machine has no place for, and why.
    unwanted: Vec<String>,
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        for Ready { unfinished, .. } in &self.ready {
            // Those that are in place are not there any more.
            drop(std::fs::remove_file(unfinished));
        }
    }
}

impl Elsewhere {
    /// Takes the files out of `new` and puts them beside their places. With a configuration of its own, which stays,
    /// this machine keeps its other files, too.
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
                    // Where there is none, nothing of this machine's own is lost.
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

    /// Puts all of them in place, and says what became of those that were there.
    pub(super) fn finish(self) -> anyhow::Result<Vec<String>> {
        let mut told = Vec::new();
        for Ready { unfinished, to, keep_as, stays } in &self.ready {
            swap_file(unfinished, to, keep_as.as_deref())
                .with_context(|| format!("the state is in place, but not {}", to.display()))?;
            if let Some(stays) = stays {
                told.push(format!("{} stays; that of the backup is in {}.", stays.display(), to.display()));
            }
            if let Some(kept) = keep_as {
                told.push(format!("{} is that of the backup; the one before is in {}.", to.display(), kept.display()));
            }
        }
        for what in &self.unwanted {
            told.push(format!("Left out: {what}"));
        }
        Ok(told)
    }
}

/// Also of a link that leads nowhere.
fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// Copies a file, never over anything or along a link that somebody put there.
fn lay(from: &Path, to: &Path, (mode, group): (u32, u32)) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(to.parent().unwrap_or(Path::new("/")))?;
    // Of a restore that was killed.
    match std::fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut File::open(from)?, &mut file)?;
    lchown(to, Some(ROOT.uid), Some(group))?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

#[cfg(test)]
#[path = "elsewhere_tests.rs"]
mod tests;
