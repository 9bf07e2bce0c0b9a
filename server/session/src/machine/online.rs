//! The latest heartbeat or handshake is recent.

use super::activity::Timers;
use super::states::{Change, Machine, Offline, Online, Step};
use tornado_shared::model::UnixSeconds;

impl Online {
    pub(super) fn heartbeat(mut self, now: UnixSeconds) -> Step {
        self.activity.record_heartbeat(now);
        (Machine::Online(self), None)
    }

    pub(super) fn handshake(mut self, at: UnixSeconds, now: UnixSeconds) -> Machine {
        self.activity.record_handshake(at, now);
        Machine::Online(self)
    }

    /// The offline period starts when the silence became too long, not when it was detected.
    pub(super) fn handle_timeout(self, now: UnixSeconds, timers: &Timers) -> Step {
        let since = self.activity.silent_at(timers);
        if now < since {
            return (Machine::Online(self), None);
        }
        (Machine::Offline(Offline { activity: self.activity, since }), Some(Change::WentOffline))
    }
}
