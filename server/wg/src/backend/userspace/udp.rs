//! One UDP socket for the life of a device.
//!
//! gotatun asks its factory for sockets again whenever it is reconfigured; new sockets each time left a
//! running device deaf now and then, so it always gets the same one.

use gotatun::udp::socket::{SockOpt, UdpSocket};
use gotatun::udp::{UdpRecv as _, UdpTransportFactory, UdpTransportFactoryParams};
use nix::sys::socket::{setsockopt, sockopt};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// How often a port that is still taken is tried again: the socket of a device that was just closed lives on
/// for a moment.
const TRIES: u32 = 50;
/// Bytes of each socket buffer.
const BUFFER: usize = 4 * 1024 * 1024;

/// The socket and the factory in one.
pub(super) struct KeptSocket(UdpSocket);

impl KeptSocket {
    /// Binds `port` on all addresses of both families, or of IPv4 where the kernel has no IPv6.
    pub(super) async fn bind(port: u16) -> io::Result<Self> {
        let mut left = TRIES;
        loop {
            match bind_once(port) {
                Err(e) if e.kind() == io::ErrorKind::AddrInUse && left > 0 => {
                    left -= 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                result => return result.map(Self),
            }
        }
    }
}

fn bind_once(port: u16) -> io::Result<UdpSocket> {
    let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let options = SockOpt { only_v6: Some(false), ..SockOpt::default() };
    let socket = match UdpSocket::bind(both, options) {
        Err(e) if e.kind() == io::ErrorKind::Unsupported || e.kind() == io::ErrorKind::AddrNotAvailable => {
            UdpSocket::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), SockOpt::default())?
        }
        result => result?,
    };
    // Beyond the system's limit, which CAP_NET_ADMIN may: a burst for all peers comes by one socket.
    let sized = setsockopt(&socket, sockopt::RcvBufForce, &BUFFER)
        .and_then(|()| setsockopt(&socket, sockopt::SndBufForce, &BUFFER));
    if let Err(error) = sized {
        tracing::debug!(%error, "the UDP socket has buffers of the usual size");
    }
    if let Err(error) = socket.enable_udp_gro() {
        tracing::debug!(%error, "the kernel does not join received datagrams");
    }
    Ok(socket)
}

impl UdpTransportFactory for KeptSocket {
    type Send = UdpSocket;
    type Recv = UdpSocket;

    async fn bind(&mut self, _: &UdpTransportFactoryParams) -> io::Result<(UdpSocket, UdpSocket)> {
        Ok((self.0.clone(), self.0.clone()))
    }
}
