//! Addresses are leased, and the peers are being added.

use super::activity::Timers;
use super::states::{Change, Closed, Connecting, Machine, Online, Step};
use tornado_shared::model::{CloseReason, UnixSeconds};

impl Connecting {
    pub(super) fn programmed(self) -> Step {
        (Machine::Online(Online { activity: self.activity }), Some(Change::Created))
    }

    pub(super) fn deadline(&self, timers: &Timers) -> UnixSeconds {
        self.activity.started_at.saturating_add(timers.connecting)
    }

    /// The connect was abandoned: no call is adding the peers any more.
    pub(super) fn handle_timeout(self, now: UnixSeconds, timers: &Timers) -> Step {
        if now < self.deadline(timers) {
            return (Machine::Connecting(self), None);
        }
        Closed::because(self.activity, CloseReason::Failed)
    }
}
