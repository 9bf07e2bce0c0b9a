//! Opens the UDP socket.

use super::Socket;
use crate::Offload;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How often to retry a port in use: the socket of a device that was just closed still exists for a moment.
const TRIES: u32 = 50;
/// Size of each socket buffer, bytes.
const BUFFER: usize = 4 * 1024 * 1024;

impl Socket {
    /// Binds `port` (0 for any) on all addresses of both families, or of IPv4 only if the kernel does not support IPv6.
    /// `mark` is the mark of the datagrams (`SO_MARK`). Call it inside the runtime that processes the packets.
    ///
    /// # Errors
    /// Those of socket(2) and bind(2); a port in use is retried for a second. Those of setsockopt(2) for the mark.
    pub async fn bind(port: u16, mark: Option<u32>, offload: Offload) -> io::Result<Self> {
        let mut left = TRIES;
        let bound = loop {
            match bind_once(port, offload) {
                Err(e) if e.kind() == io::ErrorKind::AddrInUse && left > 0 => {
                    left -= 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                result => break result?,
            }
        };
        if let Some(mark) = mark {
            setsockopt(&bound.socket, sockopt::Mark, &mark)?;
        }
        Ok(bound)
    }
}

fn bind_once(port: u16, offload: Offload) -> io::Result<Socket> {
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
    // CAP_NET_ADMIN allows a size beyond the system's limit. One socket receives bursts for all peers.
    let sized =
        setsockopt(&fd, sockopt::RcvBufForce, &BUFFER).and_then(|()| setsockopt(&fd, sockopt::SndBufForce, &BUFFER));
    if let Err(error) = sized {
        tracing::debug!(%error, "cannot enlarge the buffers of the UDP socket");
    }
    if let Err(error) = let_routers_fragment(&fd) {
        tracing::debug!(%error, "cannot change path MTU discovery; the kernel's default applies");
    }
    let joins = offload == Offload::Auto;
    if joins && let Err(error) = setsockopt(&fd, sockopt::UdpGroSegment, &true) {
        tracing::debug!(%error, "the kernel does not support coalescing received datagrams");
    }
    let socket = tokio::net::UdpSocket::from_std(std::net::UdpSocket::from(fd))?;
    Ok(Socket { socket: Arc::new(socket), joins: Arc::new(AtomicBool::new(joins)) })
}

/// Sends IPv4 datagrams without DF, as WireGuard in the kernel does: an outer packet that is larger than a link of the
/// path is fragmented there, instead of lost if ICMP is filtered. IPv6 routers do not fragment, so the kernel's default
/// stays: it fragments here when a router reports a smaller MTU.
#[expect(unsafe_code, reason = "no safe wrapper supports IP_MTU_DISCOVER")]
fn let_routers_fragment(fd: &OwnedFd) -> io::Result<()> {
    let value: libc::c_int = libc::IP_PMTUDISC_OMIT;
    let length = libc::socklen_t::try_from(size_of_val(&value)).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open, and the value outlives the call and has the stated length.
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
