//! Error texts with file, user and remedy.

use crate::TunNode;
use crate::node::PATH;
use nix::errno::Errno;
use std::io;
use std::os::unix::fs::MetadataExt as _;

const ALLOW: &str =
    "allow access to the device: `DeviceAllow=/dev/net/tun rw` in its unit, `--device /dev/net/tun` for a container";
const LOAD: &str = "`modprobe tun`; for a container, `--device /dev/net/tun`";

/// The node cannot be opened. The text includes file, user and remedy.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {PATH} as {user}: {why}; {cure}")]
pub struct TunNodeError {
    user: String,
    why: String,
    cure: String,
    errno: Errno,
}

impl TunNodeError {
    /// This process cannot open the node, and there is no other process to ask.
    pub(crate) fn own(errno: Errno) -> Self {
        let is_root = nix::unistd::geteuid().is_root();
        let cure = if errno == Errno::EACCES && !is_root {
            "start it as root; with `tornado-helperd --user NAME` it then runs as NAME"
        } else {
            cure_of_root(errno)
        };
        Self { user: me(), why: why(errno), cure: cure.into(), errno }
    }

    /// The root process cannot open the node either.
    pub(crate) fn refused(errno: Errno) -> Self {
        let cure = cure_of_root(errno);
        Self { user: "root, on behalf of ".to_owned() + &me(), why: why(errno), cure: cure.into(), errno }
    }

    /// The root process did not respond.
    pub(crate) fn unreachable(errno: Errno, asked: &TunNode, source: io::Error) -> Self {
        let (other, cure) = match asked {
            TunNode::Own => ("no other process".to_owned(), "start it as root"),
            TunNode::Socket(path) => {
                (format!("the supervisor at {}", path.display()), "start the server as root: `systemctl start tornado`")
            }
            TunNode::Parent(_) => ("the parent process".to_owned(), "restart the helper"),
        };
        let why = format!("{}, and {other} did not pass a descriptor: {source}", why(errno));
        Self { user: me(), why, cure: cure.into(), errno }
    }

    /// The error number of open(2).
    #[must_use]
    pub const fn errno(&self) -> Errno {
        self.errno
    }
}

impl From<TunNodeError> for io::Error {
    fn from(error: TunNodeError) -> Self {
        Self::new(Self::from(error.errno).kind(), error)
    }
}

fn cure_of_root(errno: Errno) -> &'static str {
    if matches!(errno, Errno::EACCES | Errno::EPERM) { ALLOW } else { LOAD }
}

fn me() -> String {
    let uid = nix::unistd::geteuid();
    let name = nix::unistd::User::from_uid(uid).ok().flatten().map(|user| user.name);
    name.map_or_else(|| format!("uid {uid}"), |name| format!("user {name} (uid {uid})"))
}

fn why(errno: Errno) -> String {
    match (errno, std::fs::metadata(PATH)) {
        (Errno::ENOENT, _) => "the file does not exist".into(),
        (Errno::ENODEV | Errno::ENXIO, Ok(_)) => "it is not the TUN device, or the kernel has no driver for it".into(),
        (Errno::EACCES, Ok(node)) => {
            let (uid, gid, mode) = (node.uid(), node.gid(), node.mode() & 0o7777);
            format!("permission denied (owner {uid}:{gid}, mode {mode:04o})")
        }
        (errno, _) => errno.desc().into(),
    }
}
