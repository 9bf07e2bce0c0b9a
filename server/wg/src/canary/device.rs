//! The canary as a device: it has a key pair, is a peer of the tor lane and does a real handshake with the server's own
//! UDP port over loopback. Its packets take the same path as any device's, with either WireGuard implementation.

use crate::model::hosts;
use gotatun::noise::index_table::IndexTable;
use gotatun::noise::rate_limiter::RateLimiter;
use gotatun::noise::{Tunn, TunnResult};
use gotatun::packet::Packet;
use gotatun::x25519;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tornado_packet_io::Peer;
use tornado_shared::model::{LaneAddresses, PrivateKey, PublicKey};

/// Timeout of one handshake attempt. Over loopback a response takes a millisecond; a busy server takes longer or
/// requests a cookie first.
const TIMEOUT: Duration = Duration::from_millis(400);
/// Handshake attempts before the canary gives up.
const ATTEMPTS: u32 = 3;
/// Handshake rate limit that the library requires; the canary receives no handshakes.
const HANDSHAKE_LIMIT: u64 = 100;
/// Receive buffer in bytes, longer than any expected message.
const BUFFER: usize = 2048;

/// Key, addresses and server of the canary.
pub(crate) struct CanaryDevice {
    key: PrivateKey,
    server: PublicKey,
    port: u16,
    addresses: LaneAddresses,
}

impl CanaryDevice {
    /// Creates the canary. `server` and `port` are the key and the UDP port of the tor lane.
    pub(crate) const fn new(key: PrivateKey, server: PublicKey, port: u16, addresses: LaneAddresses) -> Self {
        Self { key, server, port, addresses }
    }

    /// The canary as a peer of the tor lane.
    pub(crate) fn peer(&self) -> Peer {
        let (public_key, addresses) = (self.key.public_key(), hosts(self.addresses));
        Peer { public_key, addresses, preshared_key: None, endpoint: None, keepalive: None }
    }

    pub(crate) const fn addresses(&self) -> LaneAddresses {
        self.addresses
    }

    /// Does a new handshake, then sends these IP packets.
    ///
    /// # Errors
    ///
    /// Fails with `TimedOut` if the lane does not respond to the handshake.
    pub(crate) async fn send(&self, packets: &[Vec<u8>]) -> io::Result<()> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        socket.connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        let mut tunnel = Box::pin(self.handshake(&socket)).await?;
        for packet in packets {
            let sealed = tunnel.encapsulate_with_session(Packet::copy_from(packet.as_slice()));
            let sealed = sealed.map_err(|_| io::Error::other("the session cannot encrypt packets"))?;
            socket.send(&sealed.into_bytes()).await?;
        }
        Ok(())
    }

    async fn handshake(&self, socket: &UdpSocket) -> io::Result<Box<Tunn>> {
        let secret = x25519::StaticSecret::from(*self.key.expose());
        let server = x25519::PublicKey::from(*self.server.as_bytes());
        let limiter = Arc::new(RateLimiter::new(&x25519::PublicKey::from(&secret), HANDSHAKE_LIMIT));
        let mut tunnel = Box::new(Tunn::new(secret, server, None, None, IndexTable::from_os_rng(), limiter));
        for _ in 0..ATTEMPTS {
            let Some(initiation) = tunnel.format_handshake_initiation(true) else { continue };
            // An error was caused by an earlier attempt: the lane was not listening yet.
            drop(socket.send(&initiation.into_bytes()).await);
            if tokio::time::timeout(TIMEOUT, finish_handshake(&mut tunnel, socket)).await.is_ok() {
                return Ok(tunnel);
            }
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the lane did not respond to the canary's handshake"))
    }
}

/// Returns when the handshake is complete.
async fn finish_handshake(tunnel: &mut Tunn, socket: &UdpSocket) {
    let mut buffer = vec![0; BUFFER];
    loop {
        let Ok(length) = socket.recv(&mut buffer).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let Ok(message) = Packet::copy_from(buffer.get(..length).unwrap_or_default()).try_into_wg() else { continue };
        match tunnel.handle_incoming_packet(message) {
            // The keepalive that confirms the handshake.
            TunnResult::WriteToNetwork(confirmation) => {
                drop(socket.send(Packet::from(confirmation).as_ref()).await);
                return;
            }
            TunnResult::Done | TunnResult::Err(_) | TunnResult::WriteToTunnel(_) => {}
        }
    }
}
