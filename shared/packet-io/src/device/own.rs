//! The interface itself: its key, and what its peers share.

use gotatun::noise::Tunn;
use gotatun::noise::handshake::parse_handshake_anon;
use gotatun::noise::index_table::IndexTable;
use gotatun::noise::rate_limiter::RateLimiter;
use gotatun::packet::WgKind;
use gotatun::x25519;
use std::sync::Arc;
use tornado_shared::model::{PresharedKey, PrivateKey, PublicKey};

/// Handshake messages per second from one address beyond which it must prove that it receives there (WireGuard §5.3).
const HANDSHAKES: u64 = 100;

/// Key, index table and rate limiter.
pub(crate) struct Own {
    secret: x25519::StaticSecret,
    public: x25519::PublicKey,
    indices: IndexTable,
    limiter: Arc<RateLimiter>,
}

/// Identification of a message's sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// The public key in an initiation. It is not authenticated yet.
    Key(PublicKey),
    /// The index of one of our handshakes or sessions, in all other messages.
    Index(u32),
}

impl Own {
    pub(crate) fn new(key: &PrivateKey) -> Self {
        let secret = x25519::StaticSecret::from(*key.expose());
        let public = x25519::PublicKey::from(&secret);
        let limiter = Arc::new(RateLimiter::new(&public, HANDSHAKES));
        Self { secret, public, indices: IndexTable::from_os_rng(), limiter }
    }

    pub(crate) const fn public(&self) -> &x25519::PublicKey {
        &self.public
    }

    pub(crate) const fn limiter(&self) -> &Arc<RateLimiter> {
        &self.limiter
    }

    /// Identifies the sender of a message. Costs one key agreement for an initiation.
    pub(crate) fn sender(&self, message: &WgKind) -> Option<Sender> {
        match message {
            WgKind::HandshakeInit(message) => {
                let half = parse_handshake_anon(&self.secret, &self.public, message).ok()?;
                PublicKey::from_bytes(half.peer_static_public).ok().map(Sender::Key)
            }
            WgKind::HandshakeResp(message) => Some(Sender::Index(message.receiver_idx.get())),
            WgKind::CookieReply(message) => Some(Sender::Index(message.receiver_idx.get())),
            WgKind::Data(message) => Some(Sender::Index(message.header.receiver_idx.get())),
        }
    }

    /// Creates the Noise state of a peer. Costs two key agreements.
    pub(super) fn wake(&self, peer: &PublicKey, psk: Option<&PresharedKey>, keepalive: Option<u16>) -> Box<Tunn> {
        let peer = x25519::PublicKey::from(*peer.as_bytes());
        let psk = psk.map(|psk| *psk.expose());
        let (indices, limiter) = (self.indices.clone(), Arc::clone(&self.limiter));
        Box::new(Tunn::new(self.secret.clone(), peer, psk, keepalive, indices, limiter))
    }

    /// True while a handshake or session uses this index.
    pub(super) fn is_in_use(&self, index: u32) -> bool {
        self.indices.in_use(index)
    }
}
