//! Connected. The link is observed.

use super::model::{ActiveLink, Event, Failure};
use super::transition::{Target, Transition};

/// All traffic goes through the tunnel, and a handshake was seen.
#[derive(Debug)]
pub struct Connected {
    pub(super) link: ActiveLink,
}

impl Connected {
    pub(super) fn handle(mut self, event: Event) -> Transition<Self> {
        let used = self.link.slot;
        match event {
            Event::Observed(slot, Ok(observed)) if slot == used => {
                self.link.observed = observed;
                self.stay()
            }
            // Without the interface, the state must not stay "connected". Traffic stays blocked, because no disconnect
            // was requested.
            Event::Observed(slot, Err(e)) if slot == used => self.link.lost(Failure::Link(e)).into(),
            Event::Disturbed(e) => self.link.lost(Failure::Routing(e)).into(),
            Event::Routed(slot, Err(e)) if slot == used => self.link.lost(Failure::Routing(e)).into(),
            Event::Switch(lane) if lane != self.link.plan.lane => {
                let plan = Box::new(self.link.plan.clone().with_lane(lane));
                Target::Switching { old: Box::new(self.link), plan }.into()
            }
            Event::Connect(plan) => Target::Switching { old: Box::new(self.link), plan }.into(),
            Event::Disconnect => Target::disconnect().into(),
            Event::Block(lockdown) => Target::lockdown(*lockdown, None).into(),
            // A request for the current lane clears the failure of an earlier switch.
            Event::Switch(_) => {
                self.link.failure = None;
                self.stay()
            }
            Event::Unblock
            | Event::LinkUp(..)
            | Event::Routed(..)
            | Event::LockedDown(_)
            | Event::TornDown(_)
            | Event::Observed(..)
            | Event::Timeout => self.stay(),
        }
    }

    const fn stay(self) -> Transition<Self> {
        Transition::Stay(self, Vec::new())
    }
}
