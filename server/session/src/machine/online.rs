//! The latest heartbeat or handshake is recent.

use super::{Change, Machine, Offline, Signs, Step, Timers};
use tornado_shared::model::UnixSeconds;

/// State `online`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Online {
    pub(super) signs: Signs,
}

impl Online {
    pub(super) fn heartbeat(mut self, now: UnixSeconds) -> Step {
        self.signs.hear_heartbeat(now);
        (Machine::Online(self), None)
    }

    pub(super) fn handshake(mut self, at: UnixSeconds, now: UnixSeconds) -> Machine {
        self.signs.hear_handshake(at, now);
        Machine::Online(self)
    }

    /// The offline period starts when the silence became too long, not when it was detected.
    pub(super) fn handle_timeout(self, now: UnixSeconds, timers: &Timers) -> Step {
        let since = self.signs.silent_at(timers);
        if now < since {
            return (Machine::Online(self), None);
        }
        (Machine::Offline(Offline { signs: self.signs, since }), Some(Change::WentOffline))
    }
}
