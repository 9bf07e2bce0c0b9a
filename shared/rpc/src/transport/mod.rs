//! Transport of the calls: a listening socket, its streams and the user at the other end.
//!
//! There is one module per operating system with the same items: [`Socket`], `Listener`, `Stream`, `ClientStream`,
//! `connect`, `peer`, [`listen_alone`], [`Peer`], [`UserId`]. All other modules are portable. On Windows these items
//! are the server of a named pipe, its instances and the SID of the client's token.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{ClientStream, Listener, Stream, connect, peer};
#[cfg(unix)]
pub use unix::{Peer, Socket, UserId, listen, listen_alone};
#[cfg(windows)]
pub(crate) use windows::{ClientStream, Listener, Stream, connect, peer};
#[cfg(windows)]
pub use windows::{Peer, Socket, UserId, listen_alone};

use std::io;
use std::path::{Path, PathBuf};

/// A socket could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the socket {path}: {source}")]
pub struct SocketError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl SocketError {
    fn at(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self { path: path.to_owned(), source }
    }

    /// The error of the operating system.
    #[must_use]
    pub fn into_source(self) -> io::Error {
        self.source
    }
}
