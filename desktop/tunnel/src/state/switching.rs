//! Switching, make before break: the old link carries all traffic until the new one has completed a handshake.

use super::connecting::Step;
use super::disconnecting::Then;
use super::{Blocked, Connected, Disconnecting, Effect, Event, Failure, Next, State};
use crate::plan::{Plan, Slot};
use std::time::Instant;

/// The old link is up, and a new one is being set up.
#[derive(Debug)]
pub struct Switching {
    pub(super) old: Connected,
    pub(super) plan: Plan,
    step: Step,
}

impl Switching {
    pub(super) fn enter(old: Connected, plan: Plan) -> Next {
        let up = Effect::Up(Box::new(plan.link(old.slot.other())));
        let mut effects = Vec::new();
        // Packets of the new link must be allowed while the old one carries all traffic.
        if old.plan.outside() != plan.outside() {
            let both = old.plan.routing(old.slot).and_outside(plan.outside());
            effects.push(Effect::Route(old.slot, Box::new(both)));
        }
        effects.push(up);
        (State::Switching(Box::new(Self { old, plan, step: Step::Linking })), effects)
    }

    const fn slot(&self) -> Slot {
        self.old.slot.other()
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.step.deadline()
    }

    pub(super) const fn shaking(&self) -> Option<Slot> {
        self.step.shaking(self.slot())
    }

    pub(super) fn handle(mut self, event: Event, now: Instant) -> Next {
        let (new, old) = (self.slot(), self.old.slot);
        match (event, self.step) {
            (Event::LinkUp(slot, Ok(backend)), Step::Linking) if slot == new => {
                self.step = Step::shaking_since(backend, now, self.plan.on(self.plan.lane).others.len());
                self.stay()
            }
            (Event::LinkUp(slot, Err(e)), Step::Linking | Step::Shaking { .. }) if slot == new => {
                self.go_back(Some(Failure::Link(e)))
            }
            (Event::Observed(slot, Ok(observed)), Step::Shaking { backend, .. })
                if slot == new && observed.handshake_age.is_some() =>
            {
                self.step = Step::Routing { backend, observed };
                let route = Effect::Route(new, Box::new(self.plan.routing(new)));
                (State::Switching(Box::new(self)), vec![route])
            }
            (Event::Timeout, Step::Shaking { deadline, .. }) if now >= deadline => {
                let failure = Failure::NoHandshake(self.plan.lane);
                self.go_back(Some(failure))
            }
            (Event::Timeout, Step::Shaking { retry: Some(at), .. }) if now >= at => {
                self.step = self.step.retried(now, self.plan.on(self.plan.lane).others.len());
                self.plan.try_next_endpoint();
                let up = Effect::Up(Box::new(self.plan.link(new)));
                (State::Switching(Box::new(self)), vec![Effect::Remove(new), up])
            }
            (Event::Routed(slot, Ok(())), Step::Routing { backend, observed }) if slot == new => {
                let (state, _) = Connected::enter(self.plan, new, backend, observed, now);
                (state, vec![Effect::Remove(old)])
            }
            (Event::Routed(slot, Err(e)), Step::Routing { .. }) if slot == new => {
                self.go_back(Some(Failure::Routing(e)))
            }
            (Event::Observed(slot, Err(e)), Step::Shaking { .. } | Step::Routing { .. }) if slot == new => {
                self.go_back(Some(Failure::Link(e)))
            }
            (Event::Routed(slot, Err(e)), _) if slot == old => self.old.fall(Failure::Routing(e)),
            (Event::Disturbed(e), _) => self.old.fall(Failure::Routing(e)),
            (Event::Observed(slot, Ok(observed)), _) if slot == old => {
                self.old.observed = observed;
                self.stay()
            }
            (Event::Observed(slot, Err(e)), _) if slot == old => self.old.fall(Failure::Link(e)),
            (Event::Switch(lane), _) if lane == self.old.plan.lane && lane != self.plan.lane => self.go_back(None),
            (Event::Connect(plan), _) => {
                // The unfinished link is removed first, so that its slot is free for the new request.
                let (state, mut effects) = self.go_back(None);
                let (state, more) = state.handle(Event::Connect(plan), now);
                effects.extend(more);
                (state, effects)
            }
            (Event::Disconnect, _) => Disconnecting::enter(Then::Rest(None)),
            (Event::Block(hold), _) => Blocked::enter(*hold, None),
            (
                Event::Switch(_)
                | Event::Unblock
                | Event::LinkUp(..)
                | Event::Routed(..)
                | Event::Held(_)
                | Event::TornDown(_)
                | Event::Observed(..)
                | Event::Timeout,
                _,
            ) => self.stay(),
        }
    }

    /// Returns to the old link. Its routing is applied again if the new one may be partly applied.
    fn go_back(mut self, failure: Option<Failure>) -> Next {
        let mut effects = Vec::new();
        if matches!(self.step, Step::Routing { .. }) || self.old.plan.outside() != self.plan.outside() {
            effects.push(Effect::Route(self.old.slot, Box::new(self.old.plan.routing(self.old.slot))));
        }
        effects.push(Effect::Remove(self.slot()));
        self.old.failure = failure;
        (State::Connected(self.old), effects)
    }

    fn stay(self) -> Next {
        (State::Switching(Box::new(self)), Vec::new())
    }
}
