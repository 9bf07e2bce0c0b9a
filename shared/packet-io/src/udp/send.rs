//! Sends datagrams; those of equal size to one destination are sent together.

use super::{Socket, is_final};
use gotatun::packet::Packet;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::sync::atomic::Ordering;
use tokio::io::Interest;

/// Limits of one call with UDP_SEGMENT: number of datagrams, and number of bytes, which must fit into an IPv4 packet.
const SEGMENTS: usize = 64;
const BYTES: usize = 65_507;
/// Maximum number of destinations with a path too small for coalesced datagrams, and for how many batches they are
/// remembered.
const NARROW: usize = 64;
const REMEMBERED: u32 = 10_000;

/// State of the sending task: destinations with a small path MTU.
#[derive(Default)]
pub struct Narrow {
    destinations: VecDeque<SocketAddr>,
    batches: u32,
}

impl Narrow {
    fn next_batch(&mut self) {
        self.batches = self.batches.wrapping_add(1);
        if self.batches.is_multiple_of(REMEMBERED) {
            // A path may have become wider, so try again.
            self.destinations.clear();
        }
    }

    fn add(&mut self, destination: SocketAddr) {
        if self.destinations.len() == NARROW {
            self.destinations.pop_front();
        }
        self.destinations.push_back(destination);
    }
}

/// Number of the first datagrams that can be sent together: one destination and equal sizes, of which the last may be
/// smaller.
fn group(mut packets: impl Iterator<Item = (usize, SocketAddr)>) -> usize {
    let Some((size, destination)) = packets.next() else { return 0 };
    let (mut count, mut bytes) = (1, size);
    for (length, to) in packets {
        if count == SEGMENTS || to != destination || length > size || length == 0 || bytes + length > BYTES {
            break;
        }
        count += 1;
        bytes += length;
        if length < size {
            break;
        }
    }
    count
}

impl Socket {
    /// Sends all datagrams and empties the list. Waits while the socket's buffer is full. Datagrams that the kernel
    /// rejects are lost, as on any link.
    ///
    /// # Errors
    /// If the socket no longer exists.
    pub async fn send(&self, narrow: &mut Narrow, datagrams: &mut Vec<(Packet, SocketAddr)>) -> io::Result<()> {
        narrow.next_batch();
        let mut rest = datagrams.as_slice();
        while let [(_, destination), ..] = rest {
            let joins = self.joins.load(Ordering::Relaxed) && !narrow.destinations.contains(destination);
            let count = if joins { group(rest.iter().map(|(packet, to)| (packet.len(), *to))) } else { 1 };
            let (together, after) = rest.split_at(count);
            match self.send_group(together).await {
                Err(error) if is_final(&error) => return Err(error),
                Err(error) if count > 1 => {
                    self.refused(&error, *destination, narrow);
                    self.send_each(together).await?;
                }
                Err(error) => tracing::trace!(%error, "cannot send a datagram"),
                Ok(()) => {}
            }
            rest = after;
        }
        datagrams.clear();
        Ok(())
    }

    /// Sends one datagram if the socket accepts it at once. Callable from any thread.
    pub(crate) fn send_now(&self, datagram: (Packet, SocketAddr)) {
        if let Err(error) = self.send_group_now(&[datagram]) {
            tracing::trace!(%error, "cannot send a datagram");
        }
    }

    /// Adapts to the rejection of coalesced datagrams.
    fn refused(&self, error: &io::Error, destination: SocketAddr, narrow: &mut Narrow) {
        match error.raw_os_error() {
            // The path MTU is smaller than a segment: the kernel fragments only single datagrams.
            Some(libc::EINVAL | libc::EMSGSIZE) => narrow.add(destination),
            // The outgoing interface cannot compute checksums, or the kernel does not support the option.
            Some(libc::EIO | libc::EOPNOTSUPP | libc::ENOPROTOOPT) => {
                if self.joins.swap(false, Ordering::Relaxed) {
                    tracing::warn!(%error, "the kernel rejected coalesced datagrams; sending them one by one now");
                }
            }
            _ => tracing::trace!(%error, "cannot send coalesced datagrams"),
        }
    }

    async fn send_group(&self, group: &[(Packet, SocketAddr)]) -> io::Result<()> {
        self.socket.async_io(Interest::WRITABLE, || self.send_group_now(group)).await
    }

    fn send_group_now(&self, group: &[(Packet, SocketAddr)]) -> io::Result<()> {
        let [(first, destination), ..] = group else { return Ok(()) };
        let mut slices = [IoSlice::new(&[]); SEGMENTS];
        for (slice, (packet, _)) in slices.iter_mut().zip(group) {
            *slice = IoSlice::new(packet);
        }
        let slices = slices.get(..group.len()).unwrap_or_default();
        let segment = u16::try_from(first.len()).unwrap_or(u16::MAX);
        let joined = [ControlMessage::UdpGsoSegments(&segment)];
        let control: &[ControlMessage<'_>] = if group.len() > 1 { &joined } else { &[] };
        let to = SockaddrStorage::from(*destination);
        sendmsg(self.socket.as_raw_fd(), slices, control, MsgFlags::MSG_DONTWAIT, Some(&to))?;
        Ok(())
    }

    async fn send_each(&self, group: &[(Packet, SocketAddr)]) -> io::Result<()> {
        for one in group {
            if let Err(error) = self.send_group(std::slice::from_ref(one)).await {
                // As for a datagram that is lost on its way: the others are still sent.
                tracing::trace!(%error, "cannot send a datagram");
                if is_final(&error) {
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_datagrams_to_one_place_go_together() {
        let a = SocketAddr::from(([192, 0, 2, 1], 1));
        let b = SocketAddr::from(([192, 0, 2, 1], 2));
        let of = |list: &[(usize, SocketAddr)]| group(list.iter().copied());
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[(1452, a), (1452, a), (1452, b)]), 2);
        assert_eq!(of(&[(1452, a), (100, a), (100, a)]), 2, "a smaller one is the last");
        assert_eq!(of(&[(100, a), (1452, a)]), 1);
        assert_eq!(of(&[(100, a); 200]), SEGMENTS);
        assert_eq!(of(&[(1452, a); 64]), BYTES / 1452);
        assert_eq!(of(&[(32, a), (0, a)]), 1);
    }
}
