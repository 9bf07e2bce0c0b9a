//! Connected. The link is observed.

use super::disconnecting::Then;
use super::{
    Blocked, BlockedReason, Disconnecting, Event, Failure, Hold, Next, Phase, STALE_AFTER, State, Switching, View,
};
use crate::plan::{Backend, Observation, Plan, Slot};
use std::time::Instant;

/// All traffic goes through the tunnel, and a handshake was seen.
#[derive(Debug)]
pub struct Connected {
    pub(super) plan: Plan,
    pub(super) slot: Slot,
    pub(super) backend: Backend,
    pub(super) observed: Observation,
    pub(super) since: Instant,
    /// Why the latest attempt to switch failed.
    pub(super) failure: Option<Failure>,
}

impl Connected {
    pub(super) fn enter(plan: Plan, slot: Slot, backend: Backend, observed: Observation, now: Instant) -> Next {
        (State::Connected(Self { plan, slot, backend, observed, since: now, failure: None }), Vec::new())
    }

    pub(super) fn handle(mut self, event: Event) -> Next {
        match event {
            Event::Observed(slot, Ok(observed)) if slot == self.slot => {
                self.observed = observed;
                self.stay()
            }
            // Without the interface, the state must not stay "connected". Traffic stays blocked, because no disconnect
            // was requested.
            Event::Observed(slot, Err(e)) if slot == self.slot => self.fall(Failure::Link(e)),
            Event::Disturbed(e) => self.fall(Failure::Routing(e)),
            Event::Routed(slot, Err(e)) if slot == self.slot => self.fall(Failure::Routing(e)),
            Event::Switch(lane) if lane != self.plan.lane => {
                let plan = self.plan.clone().with_lane(lane);
                Switching::enter(self, plan)
            }
            Event::Connect(plan) => Switching::enter(self, *plan),
            Event::Disconnect => Disconnecting::enter(Then::Rest(None)),
            Event::Block(hold) => Blocked::enter(*hold, None),
            // A request for the current lane clears the failure of an earlier switch.
            Event::Switch(_) => {
                self.failure = None;
                self.stay()
            }
            Event::Unblock
            | Event::LinkUp(..)
            | Event::Routed(..)
            | Event::Held(_)
            | Event::TornDown(_)
            | Event::Observed(..)
            | Event::Timeout => self.stay(),
        }
    }

    pub(super) fn view(&self, phase: Phase) -> View {
        View {
            lane: Some(self.plan.lane),
            since: Some(self.since),
            observed: self.observed,
            stale: self.observed.handshake_age.is_none_or(|age| age > STALE_AFTER),
            backend: Some(self.backend),
            endpoint: Some(self.plan.on(self.plan.lane).endpoint),
            addresses: self.plan.on(self.plan.lane).addresses.clone(),
            names: self.plan.on(self.plan.lane).dns.clone(),
            preshared: self.plan.on(self.plan.lane).preshared_key.is_some(),
            failure: self.failure.clone(),
            ..View::new(phase)
        }
    }

    /// Enters lockdown after the tunnel went down without a request.
    pub(super) fn fall(self, failure: Failure) -> Next {
        Blocked::enter(Hold { reason: BlockedReason::Lost, outside: self.plan.outside() }, Some(failure))
    }

    fn stay(self) -> Next {
        (State::Connected(self), Vec::new())
    }
}
