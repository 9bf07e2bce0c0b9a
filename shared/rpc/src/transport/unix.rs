//! Unix sockets, unix(7).

use super::SocketError;
use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tokio::net::UnixListener;

/// A listening socket that is not served yet. A supervisor can pass it to another process.
pub type Socket = std::os::unix::net::UnixListener;

/// One connection.
pub(crate) type Stream = tokio::net::UnixStream;

/// The client's end of one connection.
pub(crate) type ClientStream = Stream;

/// A user of this machine: the uid.
pub type UserId = u32;

/// The process at the other end, at the time when it connected (`SO_PEERCRED`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    uid: UserId,
    pid: Option<i32>,
}

impl Peer {
    /// Creates the peer from a uid and a pid.
    #[must_use]
    pub const fn new(uid: UserId, pid: Option<i32>) -> Self {
        Self { uid, pid }
    }

    /// The effective user.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.uid
    }

    /// True for root.
    #[must_use]
    pub const fn is_superuser(&self) -> bool {
        self.uid == 0
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uid {} pid {:?}", self.uid, self.pid)
    }
}

/// Creates a listening socket at `path`, replacing one that a crashed process left there.
///
/// The file mode is 0666: access is decided by the caller's uid, which the kernel reports, and not by the file. The
/// directory belongs to root, so no other user can replace the file.
///
/// # Errors
/// If the file cannot be replaced or created.
pub fn listen(path: &Path) -> Result<Socket, SocketError> {
    let fail = SocketError::at(path);
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(fail(e)),
        Ok(()) | Err(_) => {}
    }
    let listener = Socket::bind(path).map_err(&fail)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).map_err(&fail)?;
    Ok(listener)
}

/// Like [`listen`], for a process that must be the only one of its kind.
///
/// # Errors
/// Also, with `AddrInUse`, if another process accepts connections at `path`.
pub fn listen_alone(path: &Path) -> Result<Socket, SocketError> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(SocketError::at(path)(io::ErrorKind::AddrInUse.into()));
    }
    listen(path)
}

/// A [`Socket`] that is being served.
pub(crate) struct Listener(UnixListener);

impl Listener {
    pub(crate) fn new(socket: Socket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        UnixListener::from_std(socket).map(Self)
    }

    /// Accepts the next connection.
    pub(crate) async fn accept(&self) -> io::Result<Stream> {
        self.0.accept().await.map(|(stream, _)| stream)
    }
}

/// The process at the other end of a connection.
pub(crate) fn peer(stream: &Stream) -> io::Result<Peer> {
    let cred = stream.peer_cred()?;
    Ok(Peer::new(cred.uid(), cred.pid()))
}

/// Connects to the process that listens at `path`.
pub(crate) async fn connect(path: &Path) -> io::Result<Stream> {
    Stream::connect(path).await
}
