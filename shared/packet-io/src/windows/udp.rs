//! The UDP sockets: one per address family. Their packets leave outside the tunnels of this process.

use crate::Offload;
use gotatun::packet::Packet;
use parking_lot::Mutex;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tornado_windows::os::network::keep_outside;

/// Maximum length of a datagram that is received.
const LONGEST: usize = 65_535;
/// Number of datagrams after which other tasks get a turn.
const BATCH: usize = 128;
/// Delay after an error of a socket.
const PAUSE: Duration = Duration::from_millis(50);
/// For this time, datagrams to the same address use the same interface. After a change of the network, the next choice
/// finds the new one.
const CHOSEN_FOR: Duration = Duration::from_secs(5);
/// `WSAENOTSOCK`: the socket no longer exists.
const NOT_A_SOCKET: i32 = 10_038;

/// The UDP sockets. Clones share them.
#[derive(Clone)]
pub struct Socket {
    four: Arc<Family>,
    /// `None` if this machine does not support IPv6.
    six: Option<Arc<Family>>,
}

/// The socket of one address family.
struct Family {
    socket: UdpSocket,
    /// The destination for which the interface was chosen, and when.
    chosen: Mutex<Option<(IpAddr, Instant)>>,
}

/// State of the sending task: none on Windows.
#[derive(Default)]
pub struct Narrow {}

/// Buffer for received datagrams.
pub struct Received {
    bytes: Vec<u8>,
}

impl Default for Received {
    fn default() -> Self {
        Self { bytes: vec![0; LONGEST] }
    }
}

impl Family {
    async fn bind(any: IpAddr, port: u16) -> io::Result<Arc<Self>> {
        let socket = UdpSocket::bind((any, port)).await?;
        Ok(Arc::new(Self { socket, chosen: Mutex::new(None) }))
    }

    /// Chooses the interface again if that is due.
    fn keep_outside(&self, to: IpAddr) {
        let mut chosen = self.chosen.lock();
        if chosen.is_some_and(|(known, at)| known == to && at.elapsed() < CHOSEN_FOR) {
            return;
        }
        // Without a way to the server, the old choice stays: nothing arrives in either case.
        if let Err(error) = keep_outside(&self.socket, to) {
            tracing::debug!(%error, "cannot choose the interface to the server");
        }
        *chosen = Some((to, Instant::now()));
    }

    /// Takes the datagrams that are available, up to a limit. Returns whether there were any.
    fn take(&self, bytes: &mut [u8], datagrams: &mut Vec<(Packet, SocketAddr)>) -> io::Result<bool> {
        let before = datagrams.len();
        while datagrams.len() - before < BATCH {
            match self.socket.try_recv_from(bytes) {
                Ok((length, from)) => {
                    datagrams.push((Packet::copy_from(bytes.get(..length).unwrap_or_default()), from));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if datagrams.len() == before => return Err(error),
                Err(_) => break,
            }
        }
        Ok(datagrams.len() > before)
    }
}

impl Socket {
    /// Binds `port` (0 for any) on all addresses of both families. There are no marks and no offloads. Call it inside
    /// the runtime that processes the packets.
    ///
    /// # Errors
    /// Those of Windows.
    pub async fn bind(port: u16, _mark: Option<u32>, _offload: Offload) -> io::Result<Self> {
        let four = Family::bind(Ipv4Addr::UNSPECIFIED.into(), port).await?;
        let six = Family::bind(Ipv6Addr::UNSPECIFIED.into(), port).await;
        let six = six.inspect_err(|error| tracing::debug!(%error, "there is no IPv6")).ok();
        Ok(Self { four, six })
    }

    fn of(&self, to: SocketAddr) -> Option<&Arc<Family>> {
        if to.is_ipv4() { Some(&self.four) } else { self.six.as_ref() }
    }

    /// Waits for a datagram, and adds it and all others that are available, up to a limit.
    ///
    /// # Errors
    /// If a socket no longer exists.
    pub async fn receive(&self, received: &mut Received, datagrams: &mut Vec<(Packet, SocketAddr)>) -> io::Result<()> {
        loop {
            let six = async {
                match &self.six {
                    Some(six) => six.socket.readable().await.map(|()| six),
                    None => std::future::pending().await,
                }
            };
            let ready = tokio::select! {
                ready = self.four.socket.readable() => ready.map(|()| &self.four),
                ready = six => ready,
            }?;
            match ready.take(&mut received.bytes, datagrams) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) if error.raw_os_error() == Some(NOT_A_SOCKET) => return Err(error),
                Err(error) => {
                    // For example, an ICMP message answered a datagram that was sent (`WSAECONNRESET`).
                    tracing::debug!(%error, "cannot receive datagrams; retrying");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Sends all datagrams and empties the list. Those that Windows rejects are lost, as on any link.
    ///
    /// # Errors
    /// If a socket no longer exists.
    pub async fn send(&self, _: &mut Narrow, datagrams: &mut Vec<(Packet, SocketAddr)>) -> io::Result<()> {
        for (packet, to) in datagrams.drain(..) {
            let Some(family) = self.of(to) else { continue };
            family.keep_outside(to.ip());
            match family.socket.send_to(&packet, to).await {
                Err(error) if error.raw_os_error() == Some(NOT_A_SOCKET) => return Err(error),
                Err(error) => tracing::trace!(%error, "cannot send a datagram"),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// Sends one datagram if the socket accepts it at once. Callable from any thread.
    pub(crate) fn send_now(&self, (packet, to): (Packet, SocketAddr)) {
        let Some(family) = self.of(to) else { return };
        family.keep_outside(to.ip());
        if let Err(error) = family.socket.try_send_to(&packet, to) {
            tracing::trace!(%error, "cannot send a datagram");
        }
    }
}
