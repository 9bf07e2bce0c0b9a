//! One UDP socket for the life of a device, with segmentation offload.
//!
//! gotatun asks its factory for sockets again whenever it is reconfigured; new sockets each time left a
//! running device deaf now and then, so it always gets the same one.

use crate::Offload;
use gotatun::packet::{Packet, PacketBufPool};
use gotatun::udp::{UdpRecv, UdpSend, UdpTransportFactory, UdpTransportFactoryParams};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, bind, setsockopt, socket};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, sockopt};
use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::Interest;

/// How often a port that is still taken is tried again: the socket of a device that was just closed lives on
/// for a moment.
const TRIES: u32 = 50;
/// Bytes of each socket buffer.
const BUFFER: usize = 4 * 1024 * 1024;
/// Most datagrams the kernel takes in one call with UDP_SEGMENT, and most bytes.
const SEGMENTS: usize = 64;
const BYTES: usize = 65_000;
/// Datagrams that gotatun hands over at once.
const BATCH: usize = 256;
/// Destinations whose path is too small for joined datagrams, and for how many batches that is remembered.
const NARROW: usize = 64;
const REMEMBERED: u32 = 10_000;
/// Rest after an error of the socket: the caller asks again at once.
const PAUSE: Duration = Duration::from_millis(50);

/// The socket, and the factory that hands it out. Clones share it.
#[derive(Clone)]
pub struct KeptSocket {
    socket: Arc<tokio::net::UdpSocket>,
    /// Datagrams are sent together. Goes off for good when the kernel refuses.
    joins: Arc<AtomicBool>,
}

impl KeptSocket {
    /// Binds `port`, 0 for any, on all addresses of both families, or of IPv4 where the kernel has no IPv6. Inside
    /// the runtime that will move the packets.
    ///
    /// # Errors
    /// Those of socket(2) and bind(2); a port that is taken is tried for a second.
    pub async fn bind(port: u16, offload: Offload) -> io::Result<Self> {
        let mut left = TRIES;
        loop {
            match bind_once(port, offload) {
                Err(e) if e.kind() == io::ErrorKind::AddrInUse && left > 0 => {
                    left -= 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                result => return result,
            }
        }
    }
}

fn bind_once(port: u16, offload: Offload) -> io::Result<KeptSocket> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let open = |family, address: SocketAddr| -> Result<OwnedFd, Errno> {
        let fd = socket(family, SockType::Datagram, flags, None)?;
        if family == AddressFamily::Inet6 {
            setsockopt(&fd, sockopt::Ipv6V6Only, &false)?;
        }
        bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
        Ok(fd)
    };
    let fd = match open(AddressFamily::Inet6, (Ipv6Addr::UNSPECIFIED, port).into()) {
        Err(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL) => {
            open(AddressFamily::Inet, (Ipv4Addr::UNSPECIFIED, port).into())?
        }
        result => result?,
    };
    // Beyond the system's limit, which CAP_NET_ADMIN may: a burst for all peers comes by one socket.
    let sized =
        setsockopt(&fd, sockopt::RcvBufForce, &BUFFER).and_then(|()| setsockopt(&fd, sockopt::SndBufForce, &BUFFER));
    if let Err(error) = sized {
        tracing::debug!(%error, "the UDP socket has buffers of the usual size");
    }
    if let Err(error) = let_routers_fragment(&fd) {
        tracing::debug!(%error, "datagrams go out with the kernel's own path MTU discovery");
    }
    let joins = offload == Offload::Auto;
    if joins && let Err(error) = setsockopt(&fd, sockopt::UdpGroSegment, &true) {
        tracing::debug!(%error, "the kernel does not join received datagrams");
    }
    let socket = tokio::net::UdpSocket::from_std(std::net::UdpSocket::from(fd))?;
    Ok(KeptSocket { socket: Arc::new(socket), joins: Arc::new(AtomicBool::new(joins)) })
}

/// Sends IPv4 datagrams without DF, as the kernel's WireGuard does: an outer packet larger than some link of the path
/// is cut there, instead of lost where ICMP is filtered. IPv6 routers do not cut; there the kernel's default stays,
/// which cuts on this side when a router says so.
#[expect(unsafe_code, reason = "no safe wrapper knows IP_MTU_DISCOVER")]
fn let_routers_fragment(fd: &OwnedFd) -> io::Result<()> {
    let value: libc::c_int = libc::IP_PMTUDISC_OMIT;
    let length = libc::socklen_t::try_from(size_of_val(&value)).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open, and the value lives through the call and is as long as we say.
    let result = unsafe {
        libc::setsockopt(
            fd.as_fd().as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            (&raw const value).cast(),
            length,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

impl UdpTransportFactory for KeptSocket {
    type Send = Self;
    type Recv = Self;

    async fn bind(&mut self, parameters: &UdpTransportFactoryParams) -> io::Result<(Self, Self)> {
        if let Some(mark) = parameters.fwmark {
            self.set_fwmark(mark)?;
        }
        Ok((self.clone(), self.clone()))
    }
}

/// What the task that sends remembers.
#[derive(Default)]
pub struct Narrow {
    destinations: VecDeque<SocketAddr>,
    batches: u32,
}

impl Narrow {
    fn next_batch(&mut self) {
        self.batches = self.batches.wrapping_add(1);
        if self.batches.is_multiple_of(REMEMBERED) {
            // A path may have become wider: one attempt tells.
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

/// How many of the first datagrams go together: one destination, equal sizes, the last may be shorter.
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

impl KeptSocket {
    async fn send_group(&self, group: &[(Packet, SocketAddr)]) -> io::Result<()> {
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
        let send = || {
            let fd = self.socket.as_raw_fd();
            sendmsg(fd, slices, control, MsgFlags::MSG_DONTWAIT, Some(&to)).map(drop).map_err(io::Error::from)
        };
        self.socket.async_io(Interest::WRITABLE, send).await
    }

    async fn send_each(&self, group: &[(Packet, SocketAddr)]) -> io::Result<()> {
        for one in group {
            if let Err(error) = self.send_group(std::slice::from_ref(one)).await {
                // As for one datagram that is lost on its way: the others still go.
                tracing::trace!(%error, "a datagram was not sent");
                if is_final(&error) {
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

fn is_final(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBADF | libc::ENOTSOCK))
}

impl UdpSend for KeptSocket {
    type SendManyBuf = Narrow;

    async fn send_to(&self, packet: Packet, destination: SocketAddr) -> io::Result<()> {
        self.send_group(&[(packet, destination)]).await
    }

    fn max_number_of_packets_to_send(&self) -> usize {
        BATCH
    }

    async fn send_many_to(&self, narrow: &mut Narrow, packets: &mut Vec<(Packet, SocketAddr)>) -> io::Result<()> {
        narrow.next_batch();
        let mut rest = packets.as_slice();
        while let [(_, destination), ..] = rest {
            let joins = self.joins.load(Ordering::Relaxed) && !narrow.destinations.contains(destination);
            let count = if joins { group(rest.iter().map(|(packet, to)| (packet.len(), *to))) } else { 1 };
            let (together, after) = rest.split_at(count);
            match self.send_group(together).await {
                Err(error) if is_final(&error) => return Err(error),
                Err(error) if count > 1 => {
                    match error.raw_os_error() {
                        // The path is smaller than a segment: the kernel cuts single datagrams only.
                        Some(libc::EINVAL | libc::EMSGSIZE) => narrow.add(*destination),
                        // The way out cannot make checksums, or the kernel does not know the option.
                        Some(libc::EIO | libc::EOPNOTSUPP | libc::ENOPROTOOPT) => {
                            if self.joins.swap(false, Ordering::Relaxed) {
                                tracing::warn!(%error, "the kernel refuses joined datagrams; they go one by one now");
                            }
                        }
                        _ => tracing::trace!(%error, "joined datagrams were not sent"),
                    }
                    self.send_each(together).await?;
                }
                Err(error) => tracing::trace!(%error, "a datagram was not sent"),
                Ok(()) => {}
            }
            rest = after;
        }
        packets.clear();
        Ok(())
    }

    fn local_addr(&self) -> io::Result<Option<SocketAddr>> {
        self.socket.local_addr().map(Some)
    }

    fn set_fwmark(&self, mark: u32) -> io::Result<()> {
        setsockopt(&self.socket, sockopt::Mark, &mark).map_err(io::Error::from)
    }
}

/// Where the kernel puts what it received.
pub struct Received {
    data: Vec<u8>,
    control: Vec<u8>,
}

impl Default for Received {
    fn default() -> Self {
        Self { data: vec![0; 65_536], control: nix::cmsg_space!(i32) }
    }
}

impl Received {
    /// Bytes received, size of each datagram in them, sender.
    fn take(&mut self, fd: i32) -> io::Result<(usize, usize, SocketAddr)> {
        let mut slices = [IoSliceMut::new(&mut self.data)];
        let message = recvmsg::<SockaddrStorage>(fd, &mut slices, Some(&mut self.control), MsgFlags::MSG_DONTWAIT)?;
        let mut segment = message.bytes;
        for control in message.cmsgs()? {
            if let ControlMessageOwned::UdpGroSegments(size) = control {
                segment = usize::try_from(size).unwrap_or(segment);
            }
        }
        let from = message.address.as_ref().and_then(from).ok_or_else(|| io::Error::other("no sender"))?;
        Ok((message.bytes, segment.max(1), from))
    }
}

/// An IPv4 sender as such, also on a socket of both families.
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

fn packet_of(pool: &PacketBufPool, bytes: &[u8]) -> Packet {
    let mut packet = pool.get();
    let buffer = packet.buf_mut();
    buffer.clear();
    buffer.extend_from_slice(bytes);
    packet
}

impl UdpRecv for KeptSocket {
    type RecvManyBuf = Received;

    async fn recv_from(&mut self, pool: &mut PacketBufPool) -> io::Result<(Packet, SocketAddr)> {
        // Not for gotatun, which receives many at once; the rest of joined datagrams would be lost.
        let mut received = Received::default();
        let (length, segment, from) = self.receive(&mut received).await?;
        let bytes = received.data.get(..length.min(segment)).unwrap_or_default();
        Ok((packet_of(pool, bytes), from))
    }

    async fn recv_many_from(
        &mut self,
        received: &mut Received,
        pool: &mut PacketBufPool,
        packets: &mut Vec<(Packet, SocketAddr)>,
    ) -> io::Result<()> {
        let (length, segment, from) = self.receive(received).await?;
        let bytes = received.data.get(..length).unwrap_or_default();
        packets.extend(bytes.chunks(segment).map(|datagram| (packet_of(pool, datagram), from)));
        Ok(())
    }
}

impl KeptSocket {
    async fn receive(&self, received: &mut Received) -> io::Result<(usize, usize, SocketAddr)> {
        loop {
            let take = || received.take(self.socket.as_raw_fd());
            match self.socket.async_io(Interest::READABLE, take).await {
                Ok(done) => return Ok(done),
                Err(error) if is_final(&error) => return Err(error),
                // An error would end the device; the socket itself is well (network down, out of memory).
                Err(error) => {
                    tracing::debug!(%error, "nothing was received");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
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
        assert_eq!(of(&[(1452, a), (100, a), (100, a)]), 2, "a short one is the last");
        assert_eq!(of(&[(100, a), (1452, a)]), 1);
        assert_eq!(of(&[(100, a); 200]), SEGMENTS);
        assert_eq!(of(&[(1452, a); 64]), BYTES / 1452);
        assert_eq!(of(&[(32, a), (0, a)]), 1);
    }

    #[tokio::test]
    async fn datagrams_come_through_one_socket_to_itself_and_an_empty_one_does_no_harm() {
        for offload in [Offload::Auto, Offload::Off] {
            let mut socket = KeptSocket::bind(0, offload).await.unwrap();
            let port = socket.socket.local_addr().unwrap().port();
            let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let mut pool = PacketBufPool::new(16);
            let sizes: Vec<usize> = [vec![0], vec![1400; 60], vec![200, 1400, 32, 64]].concat();
            let mut packets = sizes.iter().enumerate().map(|(n, size)| (packet_of(&pool, &vec![n as u8; *size]), to));
            let mut batch = packets.by_ref().collect::<Vec<_>>();
            socket.send_many_to(&mut Narrow::default(), &mut batch).await.unwrap();
            assert!(batch.is_empty());
            let (mut received, mut got) = (Received::default(), Vec::new());
            while got.len() + 1 < sizes.len() {
                socket.recv_many_from(&mut received, &mut pool, &mut got).await.unwrap();
            }
            for ((packet, from), (number, size)) in got.iter().zip(sizes.iter().enumerate().skip(1)) {
                assert_eq!((*from, packet.len()), (to, *size));
                assert!(packet.iter().all(|byte| *byte == number as u8));
            }
        }
    }
}
