//! Passes the descriptor in one message of four bytes: the errno of open(2) in native byte order; with errno 0, the
//! descriptor follows as `SCM_RIGHTS` (unix(7)).

use crate::Handed;
use crate::node::open_node;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// Opens the node and sends the descriptor or the error number. The caller must have checked that the peer may have it
/// (`SO_PEERCRED`). It never waits: a peer that does not read receives nothing.
///
/// # Errors
/// Those of sendmsg(2).
pub fn hand_over(peer: &impl AsFd) -> io::Result<()> {
    let opened = open_node();
    let errno = opened.as_ref().err().map_or(0, |errno| *errno as i32).to_ne_bytes();
    let descriptors = opened.as_ref().map(|fd| fd.as_raw_fd()).ok();
    let rights = descriptors.as_slice();
    let control: &[ControlMessage<'_>] = if rights.is_empty() { &[] } else { &[ControlMessage::ScmRights(rights)] };
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    sendmsg::<()>(peer.as_fd().as_raw_fd(), &[IoSlice::new(&errno)], control, flags, None)?;
    Ok(())
}

/// Waits for the message.
pub(crate) async fn receive(stream: &UnixStream) -> Handed {
    stream.async_io(Interest::READABLE, || receive_now(stream.as_raw_fd())).await
}

fn receive_now(stream: RawFd) -> Handed {
    let mut errno = [0; 4];
    let mut space = nix::cmsg_space!(RawFd);
    let mut buffers = [IoSliceMut::new(&mut errno)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<()>(stream, &mut buffers, Some(&mut space), flags)?;
    let length = message.bytes;
    let mut passed = message.cmsgs()?.flat_map(owned).collect::<Vec<_>>();
    match (length, i32::from_ne_bytes(errno), passed.pop()) {
        (0, ..) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed")),
        (4, 0, Some(fd)) => Ok(Ok(fd)),
        (4, errno @ 1.., None) => Ok(Err(Errno::from_raw(errno))),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "invalid response")),
    }
}

#[expect(unsafe_code, reason = "a descriptor that was just received has no owner yet")]
fn owned(message: ControlMessageOwned) -> Vec<OwnedFd> {
    let ControlMessageOwned::ScmRights(fds) = message else { return Vec::new() };
    // SAFETY: the kernel added these to this process's table for this message, and nothing else owns them.
    fds.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect()
}
