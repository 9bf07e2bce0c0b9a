//! Receives datagrams, many at once and without copying them.

use super::{Socket, is_final};
use gotatun::packet::{Packet, PacketBufPool};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;
use std::time::Duration;
use tokio::io::Interest;

/// Maximum number of bytes of one call: coalesced datagrams are not longer than an IP packet.
const LONGEST: usize = 65_536;
/// Size of the buffer for the datagrams of one batch, bytes.
const ROOM: usize = 4 * LONGEST;
/// Number of datagrams after which other tasks get a turn.
const BATCH: usize = 128;
/// Delay after an error of the socket.
const PAUSE: Duration = Duration::from_millis(50);

/// Buffers for received datagrams.
pub struct Received {
    pool: PacketBufPool<ROOM>,
    /// The unused part of the buffer.
    room: Packet,
    control: Vec<u8>,
}

impl Default for Received {
    fn default() -> Self {
        Self { pool: PacketBufPool::new(1), room: Packet::default(), control: nix::cmsg_space!(i32) }
    }
}

impl Received {
    /// Starts at the beginning of the buffer again, or of a new buffer if packets still use the previous one.
    fn rewind(&mut self) {
        self.room = Packet::default();
        self.room = self.pool.get();
    }

    /// Adds the datagrams of one call.
    fn take(&mut self, fd: i32, datagrams: &mut Vec<(Packet, SocketAddr)>) -> io::Result<()> {
        let mut slices = [IoSliceMut::new(&mut self.room)];
        let message = recvmsg::<SockaddrStorage>(fd, &mut slices, Some(&mut self.control), MsgFlags::MSG_DONTWAIT)?;
        let (mut left, mut segment) = (message.bytes, message.bytes);
        for control in message.cmsgs()? {
            if let ControlMessageOwned::UdpGroSegments(size) = control {
                segment = usize::try_from(size).unwrap_or(segment);
            }
        }
        let from = message
            .address
            .as_ref()
            .and_then(from)
            .ok_or_else(|| io::Error::other("the datagram has no sender address"))?;
        while left > 0 {
            let length = left.min(segment.max(1));
            // No copy: each datagram is a part of the buffer.
            datagrams.push((Packet::from_bytes(self.room.buf_mut().split_to(length)), from));
            left -= length;
        }
        Ok(())
    }
}

/// Converts the sender's address. IPv4-mapped addresses become IPv4 addresses.
fn from(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddr::from((v4.ip(), v4.port())));
    }
    let v6 = address.as_sockaddr_in6()?;
    Some(match v6.ip().to_ipv4_mapped() {
        Some(v4) => SocketAddr::new(IpAddr::V4(v4), v6.port()),
        None => SocketAddr::V6(std::net::SocketAddrV6::new(v6.ip(), v6.port(), 0, v6.scope_id())),
    })
}

impl Socket {
    /// Waits for a datagram, and adds it and all others that are available, up to a limit. The buffer can be reused
    /// only if the datagrams of the previous call were dropped.
    ///
    /// # Errors
    /// If the socket no longer exists.
    pub async fn receive(&self, received: &mut Received, datagrams: &mut Vec<(Packet, SocketAddr)>) -> io::Result<()> {
        received.rewind();
        let before = datagrams.len();
        loop {
            match self.socket.try_io(Interest::READABLE, || received.take(self.socket.as_raw_fd(), datagrams)) {
                Ok(()) if datagrams.len() - before >= BATCH || received.room.len() < LONGEST => return Ok(()),
                Ok(()) => {}
                Err(error) if is_final(&error) => return Err(error),
                Err(_) if datagrams.len() > before => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.socket.readable().await?,
                Err(error) => {
                    // The socket itself is fine: for example, the network is down or memory is short.
                    tracing::debug!(%error, "cannot receive datagrams; retrying");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}
