//! One UDP socket for the life of an interface, with segmentation offload.

mod bind;
mod receive;
mod send;

#[cfg(test)]
mod tests;

pub use receive::Received;
pub use send::Narrow;

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The socket. Clones share it.
#[derive(Clone)]
pub struct Socket {
    socket: Arc<tokio::net::UdpSocket>,
    /// Datagrams are sent together. Goes off for good when the kernel refuses.
    joins: Arc<AtomicBool>,
}

/// True for errors of a socket that is none any more.
pub(crate) fn is_final(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBADF | libc::ENOTSOCK))
}
