//! Opens the node in this process.

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag, fstat, makedev, mknod};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// Path of the TUN driver's node.
pub const PATH: &str = "/dev/net/tun";
/// Major and minor number of the node (Documentation/admin-guide/devices.txt).
const NUMBER: (u64, u64) = (10, 200);

/// Opens the node, non-blocking and close-on-exec. If it does not exist and this process may create it, it is created
/// with mode 0600; opening it then loads the driver, if the kernel has one.
///
/// # Errors
/// Those of open(2); `ENODEV` if the path is something else.
pub fn open_node() -> Result<OwnedFd, Errno> {
    match open_at(Path::new(PATH)) {
        Err(Errno::ENOENT) => make_and_open(Path::new(PATH)),
        result => result,
    }
}

fn open_at(path: &Path) -> Result<OwnedFd, Errno> {
    let fd = open(path, OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty())?;
    let found = fstat(&fd)?;
    let is_node = found.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFCHR.bits();
    if is_node && found.st_rdev == makedev(NUMBER.0, NUMBER.1) { Ok(fd) } else { Err(Errno::ENODEV) }
}

fn make_and_open(path: &Path) -> Result<OwnedFd, Errno> {
    if let Some(directory) = path.parent() {
        // A failure shows in the next call.
        drop(std::fs::DirBuilder::new().recursive(true).mode(0o755).create(directory));
    }
    match mknod(path, SFlag::S_IFCHR, Mode::S_IRUSR | Mode::S_IWUSR, makedev(NUMBER.0, NUMBER.1)) {
        Ok(()) => open_at(path).inspect_err(|_| drop(std::fs::remove_file(path))),
        // Another process created it at the same time.
        Err(Errno::EEXIST) => open_at(path),
        // Report that the node does not exist, not that this process may not create it.
        Err(_) => Err(Errno::ENOENT),
    }
}
