//! Directories and files that another user owns, opened by root without following anything that user can put there.
//!
//! Every step is one name below a descriptor that is already open (`O_NOFOLLOW`, openat(2)), so a link that is swapped
//! in between two steps leads nowhere. Type and owner are those of the open descriptor, not of a name. A FIFO does not
//! block the open (`O_NONBLOCK`).

mod user;

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path};

pub use user::{Owner, as_user};

/// An open directory below which nothing is followed.
#[derive(Debug)]
pub struct Beneath {
    fd: OwnedFd,
    /// Who must own what is opened; `None`: anyone.
    uid: Option<u32>,
}

impl Beneath {
    /// Opens `path`, which is the caller's own: links on the way to it are followed, the directory itself must be none.
    /// All that is opened below it must belong to `uid`, if given.
    ///
    /// # Errors
    /// When it is absent, a link or not a directory.
    pub fn new(path: &Path, uid: Option<u32>) -> io::Result<Self> {
        let flags = (OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW).bits();
        let directory = File::options().read(true).custom_flags(flags).open(path).map_err(explained)?;
        Ok(Self { fd: directory.into(), uid })
    }

    /// The directory at `path`, relative to this one.
    ///
    /// # Errors
    /// When a name of it is absent, a link, not a directory or another user's.
    pub fn directory(&self, path: &Path) -> io::Result<Self> {
        let mut fd = self.fd.try_clone()?;
        for name in names(path)? {
            fd = self.step(&fd, name, OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
        }
        Ok(Self { fd, uid: self.uid })
    }

    /// The regular file at `path`, relative to this directory, for reading.
    ///
    /// # Errors
    /// When a name of it is absent, a link or another user's, or when it is not a regular file.
    pub fn file(&self, path: &Path) -> io::Result<File> {
        let (parent, name) = self.parent(path)?;
        let file = File::from(self.step(&parent.fd, name, OFlag::O_RDONLY)?);
        if !file.metadata()?.is_file() {
            return Err(refused("it is not a regular file"));
        }
        Ok(file)
    }

    /// What is at `path`, relative to this directory; of a link, the link itself. The owner is not checked.
    ///
    /// # Errors
    /// When it is absent, or a directory on the way is a link or another user's.
    pub fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let (parent, name) = self.parent(path)?;
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        File::from(openat(&parent.fd, name, flags, Mode::empty())?).metadata()
    }

    /// Names in this directory, unordered; at most `most`. True: there are more.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn names(&self, most: usize) -> io::Result<(Vec<OsString>, bool)> {
        // The descriptor's own link, so no name is looked up again (proc(5)).
        let mut entries = std::fs::read_dir(format!("/proc/self/fd/{}", self.fd.as_raw_fd()))?;
        let names = entries.by_ref().take(most).map(|entry| entry.map(|entry| entry.file_name()));
        let names = names.collect::<io::Result<_>>()?;
        Ok((names, entries.next().is_some()))
    }

    fn parent<'a>(&self, path: &'a Path) -> io::Result<(Self, &'a OsStr)> {
        let mut all = names(path)?;
        let name = all.pop().ok_or_else(|| refused("it has no name"))?;
        Ok((self.directory(&all.iter().collect::<std::path::PathBuf>())?, name))
    }

    fn step(&self, at: &OwnedFd, name: &OsStr, flags: OFlag) -> io::Result<OwnedFd> {
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let opened = openat(at, name, flags, Mode::empty()).map_err(|error| explained(error.into()))?;
        let owner = nix::sys::stat::fstat(&opened)?.st_uid;
        match self.uid {
            Some(uid) if uid != owner => Err(refused(&format!("it belongs to user {owner} instead of {uid}"))),
            Some(_) | None => Ok(opened),
        }
    }
}

/// Makes the directory at `path`, or takes the one there; then it has this owner and mode. Nothing is followed at its last
/// name. Parents that are missing are made so that everyone may pass through them, whatever the umask is.
///
/// # Errors
/// When it cannot be made, or something that is no directory is there.
pub fn claim(path: &Path, owner: Owner, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let missing = path.ancestors().skip(1).take_while(|parent| !parent.as_os_str().is_empty() && !parent.exists());
    let missing: Vec<&Path> = missing.collect();
    for parent in missing.into_iter().rev() {
        std::fs::create_dir(parent)?;
        std::fs::set_permissions(parent, Permissions::from_mode(0o755))?;
    }
    match std::fs::DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let directory = File::from(Beneath::new(path, None)?.fd);
    let found = directory.metadata()?;
    if (found.uid(), found.gid()) != (owner.uid, owner.gid) {
        std::os::unix::fs::fchown(&directory, Some(owner.uid), Some(owner.gid))?;
    }
    directory.set_permissions(Permissions::from_mode(mode))
}

/// The names of a relative path without `.` and `..`.
fn names(path: &Path) -> io::Result<Vec<&OsStr>> {
    let plain = |component| match component {
        Component::Normal(name) => Ok(name),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => {
            Err(refused("it is not a plain relative path"))
        }
    };
    path.components().map(plain).collect()
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why.to_owned())
}

/// The system's words for a link and a socket name neither.
fn explained(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ELOOP) => refused("it is a link"),
        // open(2): a directory was wanted; a link is not one either.
        Some(libc::ENOTDIR) => refused("it is not a directory, or a link"),
        Some(libc::ENXIO | libc::ENODEV) => refused("it is not a regular file"),
        _ => error,
    }
}

#[cfg(test)]
mod tests;
