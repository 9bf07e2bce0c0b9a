//! The canary as a device: a key pair, a peer of the tor lane, a real handshake with the server's own UDP port over
//! loopback. Its packets take the whole way of a device's, whichever implementation of WireGuard is at the other end.

use crate::backend::LanePeer;
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
use tornado_shared::model::{LaneAddresses, PrivateKey, PublicKey};

/// Over loopback an answer takes a millisecond; a busy server needs longer, or asks for a cookie first.
const ANSWER: Duration = Duration::from_millis(400);
/// Initiations sent before it gives up.
const TRIES: u32 = 3;
/// Handshakes of others that the limiter would let through; there are none.
const LIMIT: u64 = 100;
/// Longer than any message that is waited for.
const BUFFER: usize = 2048;

/// Key, place and server.
pub(crate) struct CanaryDevice {
    key: PrivateKey,
    server: PublicKey,
    port: u16,
    addresses: LaneAddresses,
}

impl CanaryDevice {
    /// `server` and `port` are those of the tor lane.
    pub(crate) const fn new(key: PrivateKey, server: PublicKey, port: u16, addresses: LaneAddresses) -> Self {
        Self { key, server, port, addresses }
    }

    /// What the lane needs to know of it.
    pub(crate) fn peer(&self) -> LanePeer {
        LanePeer { public_key: self.key.public_key(), addresses: self.addresses, preshared_key: None, endpoint: None }
    }

    /// Its addresses inside the lane.
    pub(crate) const fn addresses(&self) -> LaneAddresses {
        self.addresses
    }

    /// Shakes hands anew and sends these IP packets. `TimedOut` when nobody answered.
    pub(crate) async fn send(&self, packets: &[Vec<u8>]) -> io::Result<()> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        socket.connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        let mut tunnel = Box::pin(self.shake_hands(&socket)).await?;
        for packet in packets {
            let sealed = tunnel.encapsulate_with_session(Packet::copy_from(packet.as_slice()));
            let sealed = sealed.map_err(|_| io::Error::other("the session takes no packets"))?;
            socket.send(&sealed.into_bytes()).await?;
        }
        Ok(())
    }

    async fn shake_hands(&self, socket: &UdpSocket) -> io::Result<Box<Tunn>> {
        let secret = x25519::StaticSecret::from(*self.key.expose());
        let server = x25519::PublicKey::from(*self.server.as_bytes());
        let limiter = Arc::new(RateLimiter::new(&x25519::PublicKey::from(&secret), LIMIT));
        let mut tunnel = Box::new(Tunn::new(secret, server, None, None, IndexTable::from_os_rng(), limiter));
        for _ in 0..TRIES {
            let Some(initiation) = tunnel.format_handshake_initiation(true) else { continue };
            // An error is that of an earlier try: nobody listens yet.
            drop(socket.send(&initiation.into_bytes()).await);
            if tokio::time::timeout(ANSWER, answered(&mut tunnel, socket)).await.is_ok() {
                return Ok(tunnel);
            }
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the lane answers no handshake of the canary"))
    }
}

/// Ends with the handshake.
async fn answered(tunnel: &mut Tunn, socket: &UdpSocket) {
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
