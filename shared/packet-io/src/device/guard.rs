//! What is spent on datagrams of strangers.

use super::Own;
use gotatun::noise::TunnResult;
use gotatun::noise::rate_limiter::RateLimiter;
use gotatun::packet::{Packet, WgKind};
use std::net::SocketAddr;
use std::sync::Arc;

/// What becomes of a handshake message.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is worth the work.
    Take(WgKind),
    /// Its sender has to show first that it receives where it says it is: the cookie to send there.
    Ask(Packet),
    /// Not made for this interface, or not to be answered.
    Drop,
}

/// Cookies (WireGuard §5.3): of an address that sends many handshake messages, and under load of every one.
pub(crate) struct Guard {
    usual: Arc<RateLimiter>,
    /// Lets nothing pass without a cookie.
    strict: RateLimiter,
}

impl Guard {
    pub(crate) fn new(own: &Own) -> Self {
        Self { usual: Arc::clone(own.limiter()), strict: RateLimiter::new(own.public(), 0) }
    }

    /// Judges any message but data.
    pub(crate) fn judge(&self, message: Packet, from: SocketAddr, is_loaded: bool) -> Verdict {
        let limiter = if is_loaded { &self.strict } else { &*self.usual };
        match limiter.verify_packet(from, message) {
            Ok(message) => Verdict::Take(message),
            Err(TunnResult::WriteToNetwork(cookie)) => Verdict::Ask(cookie.into()),
            Err(TunnResult::Done | TunnResult::Err(_) | TunnResult::WriteToTunnel(_)) => Verdict::Drop,
        }
    }

    /// Forgets the counts of the last second. To be called a few times a second.
    pub(crate) fn tick(&self) {
        self.usual.try_reset_count();
        self.strict.try_reset_count();
    }
}
