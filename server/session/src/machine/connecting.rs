//! Addresses are leased, and the peers are being added.

use super::{Change, Closed, Machine, Online, Signs, Step, Timers};
use tornado_shared::model::{CloseReason, UnixSeconds};

/// State `connecting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connecting {
    pub(super) signs: Signs,
}

impl Connecting {
    pub(super) fn programmed(self) -> Step {
        (Machine::Online(Online { signs: self.signs }), Some(Change::Created))
    }

    pub(super) fn deadline(&self, timers: &Timers) -> UnixSeconds {
        self.signs.started_at.saturating_add(timers.connecting)
    }

    /// The connect was abandoned: no call is adding the peers any more.
    pub(super) fn handle_timeout(self, now: UnixSeconds, timers: &Timers) -> Step {
        if now < self.deadline(timers) {
            return (Machine::Connecting(self), None);
        }
        Closed::because(self.signs, CloseReason::Failed)
    }
}
