//! No activity within the time limit; lease and session are kept for the grace period.

use super::activity::Timers;
use super::states::{Change, Closed, Machine, Offline, Online, Step};
use tornado_shared::model::{CloseReason, UnixSeconds};

impl Offline {
    pub(super) fn heartbeat(mut self, now: UnixSeconds) -> Step {
        self.activity.record_heartbeat(now);
        (Machine::Online(Online { activity: self.activity }), Some(Change::Recovered))
    }

    /// Ignores an old or known handshake.
    pub(super) fn handshake(mut self, at: UnixSeconds, now: UnixSeconds, timers: &Timers) -> Machine {
        let is_recent = at.saturating_add(timers.handshake_ttl) > now;
        let is_new = Some(at) > self.activity.latest_handshake;
        if !is_recent || !is_new {
            return Machine::Offline(self);
        }
        self.activity.record_handshake(at, now);
        Machine::Online(Online { activity: self.activity })
    }

    /// After a restart the device has one heartbeat period to report.
    pub(super) fn expires_at(&self, timers: &Timers) -> UnixSeconds {
        let heard = self.activity.silence_from.saturating_add(timers.heartbeat_ttl);
        self.since.saturating_add(timers.offline_grace).max(heard)
    }

    pub(super) fn handle_timeout(self, now: UnixSeconds, timers: &Timers) -> Step {
        if now < self.expires_at(timers) {
            return (Machine::Offline(self), None);
        }
        Closed::because(self.activity, CloseReason::Expired)
    }
}
