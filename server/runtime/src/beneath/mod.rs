//! Access to directories and files that another user owns. Root opens them without following any link that the owner
//! can create.
//!
//! Each step opens one name below an already open descriptor with `O_NOFOLLOW` (openat(2)), so swapping in a link
//! between two steps has no effect. Type and owner are read from the open descriptor, never from a name. `O_NONBLOCK`
//! keeps a FIFO from blocking the open.

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

/// An open directory; nothing that is opened below it follows a link.
#[derive(Debug)]
pub struct Beneath {
    fd: OwnedFd,
    /// Required owner of everything opened below; `None` accepts any owner.
    uid: Option<u32>,
}

impl Beneath {
    /// Opens `path`, which the caller controls: links in its parents are followed, but the directory itself must not be
    /// a link. With a `uid`, everything opened below must belong to that user.
    ///
    /// # Errors
    /// When `path` does not exist, is a link or is not a directory.
    pub fn new(path: &Path, uid: Option<u32>) -> io::Result<Self> {
        let flags = (OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW).bits();
        let directory = File::options().read(true).custom_flags(flags).open(path).map_err(explained)?;
        Ok(Self { fd: directory.into(), uid })
    }

    /// Opens the directory at `path`, relative to this one.
    ///
    /// # Errors
    /// When a component does not exist, is a link, is not a directory or belongs to another user.
    pub fn directory(&self, path: &Path) -> io::Result<Self> {
        let mut fd = self.fd.try_clone()?;
        for name in names(path)? {
            fd = self.step(&fd, name, OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
        }
        Ok(Self { fd, uid: self.uid })
    }

    /// Opens the regular file at `path`, relative to this directory, for reading.
    ///
    /// # Errors
    /// When a component does not exist, is a link or belongs to another user, or when the file is not a regular file.
    pub fn file(&self, path: &Path) -> io::Result<File> {
        let (parent, name) = self.parent(path)?;
        let file = File::from(self.step(&parent.fd, name, OFlag::O_RDONLY)?);
        if !file.metadata()?.is_file() {
            return Err(refused("it is not a regular file"));
        }
        Ok(file)
    }

    /// Metadata of the entry at `path`, relative to this directory. A link is not followed. The owner is not checked.
    ///
    /// # Errors
    /// When the entry does not exist, or when a parent directory is a link or belongs to another user.
    pub fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let (parent, name) = self.parent(path)?;
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        File::from(openat(&parent.fd, name, flags, Mode::empty())?).metadata()
    }

    /// Names in this directory, unordered, at most `most`. The flag is true if there are more.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn names(&self, most: usize) -> io::Result<(Vec<OsString>, bool)> {
        // Through the descriptor's own link, so that no name is resolved again (proc(5)).
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

/// Creates the directory at `path`, or takes over an existing one, and sets its owner and mode. The last component is
/// never followed. Missing parents are created with mode 0755 regardless of the umask, so that every user can traverse
/// them.
///
/// # Errors
/// When the directory cannot be created, or `path` exists and is not a directory.
pub fn claim(path: &Path, owner: Owner, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let missing = path.ancestors().skip(1).take_while(|parent| !parent.as_os_str().is_empty() && !parent.exists());
    let missing: Vec<&Path> = missing.collect();
    for parent in missing.into_iter().rev() {
        std::fs::create_dir(parent)?;
        std::fs::set_permissions(parent, Permissions::from_mode(0o755))?;
    }
    // Without `setgid`: the sandbox of the unit rejects the bit, also if the directory exists and has it.
    match std::fs::DirBuilder::new().mode(mode & 0o777).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let directory = File::from(Beneath::new(path, None)?.fd);
    let found = directory.metadata()?;
    if (found.uid(), found.gid()) != (owner.uid, owner.gid) {
        std::os::unix::fs::fchown(&directory, Some(owner.uid), Some(owner.gid))?;
    }
    // Setting the bit `setgid` needs a right that the supervisor does not have under systemd, where it is set already.
    if directory.metadata()?.mode() & 0o7777 != mode {
        directory.set_permissions(Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// Splits a relative path into its names. Rejects `.` and `..`.
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

/// Replaces error codes whose system text mentions neither a link nor a special file.
fn explained(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ELOOP) => refused("it is a link"),
        // open(2): `O_DIRECTORY` was set. A link gives this error, too.
        Some(libc::ENOTDIR) => refused("it is a link or not a directory"),
        Some(libc::ENXIO | libc::ENODEV) => refused("it is not a regular file"),
        _ => error,
    }
}

#[cfg(test)]
mod tests;
