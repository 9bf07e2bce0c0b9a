//! Protects against floods of handshake messages.

use super::Own;
use gotatun::noise::TunnResult;
use gotatun::noise::rate_limiter::RateLimiter;
use gotatun::packet::{Packet, WgKind};
use std::net::SocketAddr;
use std::sync::Arc;

/// What to do with a handshake message.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Process it.
    Take(WgKind),
    /// The sender must first prove that it receives at its source address: send it this cookie.
    Ask(Packet),
    /// Drop it: it is not for this interface, or must not be answered.
    Drop,
}

/// Cookies (WireGuard §5.3): required from an address that sends many handshake messages, and from every address under
/// load.
pub(crate) struct Guard {
    usual: Arc<RateLimiter>,
    /// Accepts nothing without a cookie.
    strict: RateLimiter,
}

impl Guard {
    pub(crate) fn new(own: &Own) -> Self {
        Self { usual: Arc::clone(own.limiter()), strict: RateLimiter::new(own.public(), 0) }
    }

    /// Judges any message except data.
    pub(crate) fn judge(&self, message: Packet, from: SocketAddr, is_loaded: bool) -> Verdict {
        let limiter = if is_loaded { &self.strict } else { &*self.usual };
        match limiter.verify_packet(from, message) {
            Ok(message) => Verdict::Take(message),
            Err(TunnResult::WriteToNetwork(cookie)) => Verdict::Ask(cookie.into()),
            Err(TunnResult::Done | TunnResult::Err(_) | TunnResult::WriteToTunnel(_)) => Verdict::Drop,
        }
    }

    /// Resets the counters of the last second. Call it at least once per second.
    pub(crate) fn tick(&self) {
        self.usual.try_reset_count();
        self.strict.try_reset_count();
    }
}
