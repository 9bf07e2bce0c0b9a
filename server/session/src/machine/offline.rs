//! No activity within the time limit; lease and session are kept for the grace period.

use super::{Change, Closed, Machine, Online, Signs, Step, Timers};
use tornado_shared::model::{CloseReason, UnixSeconds};

/// State `offline`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offline {
    pub(super) signs: Signs,
    pub(super) since: UnixSeconds,
}

impl Offline {
    pub(super) fn heartbeat(mut self, now: UnixSeconds) -> Step {
        self.signs.hear_heartbeat(now);
        (Machine::Online(Online { signs: self.signs }), Some(Change::Recovered))
    }

    /// Ignores an old or known handshake.
    pub(super) fn handshake(mut self, at: UnixSeconds, now: UnixSeconds, timers: &Timers) -> Machine {
        let young = at.saturating_add(timers.handshake_ttl) > now;
        let news = Some(at) > self.signs.latest_handshake;
        if !young || !news {
            return Machine::Offline(self);
        }
        self.signs.hear_handshake(at, now);
        Machine::Online(Online { signs: self.signs })
    }

    /// After a restart the device has one heartbeat period to report.
    pub(super) fn expires_at(&self, timers: &Timers) -> UnixSeconds {
        let heard = self.signs.heard_from.saturating_add(timers.heartbeat_ttl);
        self.since.saturating_add(timers.offline_grace).max(heard)
    }

    pub(super) fn handle_timeout(self, now: UnixSeconds, timers: &Timers) -> Step {
        if now < self.expires_at(timers) {
            return (Machine::Offline(self), None);
        }
        Closed::because(self.signs, CloseReason::Expired)
    }
}
