//! One UDP socket for the lifetime of an interface, with segmentation offload.

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

/// The UDP socket. Clones share it.
#[derive(Clone)]
pub struct Socket {
    socket: Arc<tokio::net::UdpSocket>,
    /// Datagrams are sent together. Permanently disabled once the kernel rejects it.
    joins: Arc<AtomicBool>,
}

/// True for errors that mean the socket no longer exists.
pub(crate) fn is_final(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBADF | libc::ENOTSOCK))
}
