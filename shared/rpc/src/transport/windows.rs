//! Named pipes, protected as `tornado_windows` describes.

use super::SocketError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use tokio::net::windows::named_pipe::{NamedPipeClient, NamedPipeServer};
use tokio::sync::Mutex;
use tornado_windows::os::pipe::{self, Instance};
use tornado_windows::{Security, Sid};

/// A pipe that is not served yet.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    security: Security,
    first: NamedPipeServer,
}

/// The server's end of one connection.
pub(crate) type Stream = NamedPipeServer;

/// The client's end of one connection.
pub(crate) type ClientStream = NamedPipeClient;

/// A user of this machine. A process outside the sessions of its user has [`Sid::NULL`].
pub type UserId = Sid;

/// The process at the other end, at the time when it connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    user: Sid,
    is_superuser: bool,
    pid: u32,
}

impl Peer {
    /// The user.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// True for LocalSystem and elevated administrators.
    #[must_use]
    pub const fn is_superuser(&self) -> bool {
        self.is_superuser
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pid {}", self.user, self.pid)
    }
}

/// Creates the pipe `path`, for `users` besides administrators. Call it inside a Tokio runtime, as LocalSystem.
///
/// # Errors
/// `AddrInUse` if another process serves the pipe. Those of Windows; one of them is that this process is not
/// LocalSystem, which must own the pipe.
pub fn listen_alone(path: &Path, users: impl IntoIterator<Item = Sid>) -> Result<Socket, SocketError> {
    let security = Security::of_pipe(users);
    let first = pipe::serve(path, &security, Instance::First).map_err(SocketError::at(path))?;
    Ok(Socket { path: path.to_owned(), security, first })
}

/// A [`Socket`] that is being served. One instance always waits for a client, so that the name never becomes free.
pub(crate) struct Listener {
    path: PathBuf,
    security: Security,
    waiting: Mutex<NamedPipeServer>,
}

impl Listener {
    pub(crate) fn new(socket: Socket) -> io::Result<Self> {
        let Socket { path, security, first } = socket;
        Ok(Self { path, security, waiting: Mutex::new(first) })
    }

    /// Accepts the next connection.
    pub(crate) async fn accept(&self) -> io::Result<Stream> {
        let mut waiting = self.waiting.lock().await;
        let connected = match waiting.connect().await {
            Ok(()) => pipe::serve(&self.path, &self.security, Instance::Next),
            Err(error) => Err(error),
        };
        match connected {
            Ok(next) => Ok(std::mem::replace(&mut *waiting, next)),
            Err(error) => {
                // The client is lost, and the instance waits for the next one.
                drop(waiting.disconnect());
                Err(error)
            }
        }
    }
}

/// The process at the other end of a connection.
pub(crate) fn peer(stream: &Stream) -> io::Result<Peer> {
    let client = pipe::client(stream)?;
    let user = if client.is_in_own_session { client.user } else { Sid::NULL };
    Ok(Peer { user, is_superuser: client.is_administrator, pid: client.pid })
}

/// Connects to the process that serves the pipe `path`, which must be LocalSystem.
pub(crate) async fn connect(path: &Path) -> io::Result<ClientStream> {
    pipe::connect(path, Sid::SYSTEM).await
}
