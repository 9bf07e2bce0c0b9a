//! Switching, make before break: the old link carries all traffic until the new one has completed a handshake.

use super::model::{ActiveLink, Effect, Event, Failure};
use super::progress::{Attempt, Step};
use super::transition::{Target, Transition};
use crate::plan::Plan;
use std::time::Instant;

/// The old link is up, and a new one is being set up.
#[derive(Debug)]
pub struct Switching {
    pub(super) old: ActiveLink,
    pub(super) attempt: Attempt,
}

impl Switching {
    pub(super) fn enter(old: ActiveLink, plan: Plan) -> (Self, Vec<Effect>) {
        let mut effects = Vec::new();
        // Packets of the new link must be allowed while the old one carries all traffic.
        if old.plan.outside() != plan.outside() {
            let both = old.plan.routing(old.slot).and_outside(plan.outside());
            effects.push(Effect::Route(old.slot, Box::new(both)));
        }
        let (attempt, up) = Attempt::new(plan, old.slot.other());
        effects.push(up);
        (Self { old, attempt }, effects)
    }

    pub(super) fn handle(mut self, event: Event, now: Instant) -> Transition<Self> {
        let old = self.old.slot;
        let event = match self.attempt.handle(event, now) {
            Step::Continue(effects) => return Transition::Stay(self, effects),
            Step::Up(link) => return Transition::Enter(Target::Connected(link), vec![Effect::Remove(old)]),
            Step::Failed(failure) => return self.go_back(Some(failure)),
            Step::Other(event) => event,
        };
        match event {
            Event::Routed(slot, Err(e)) if slot == old => self.old.lost(Failure::Routing(e)).into(),
            Event::Disturbed(e) => self.old.lost(Failure::Routing(e)).into(),
            Event::Observed(slot, Ok(observed)) if slot == old => {
                self.old.observed = observed;
                self.stay()
            }
            Event::Observed(slot, Err(e)) if slot == old => self.old.lost(Failure::Link(e)).into(),
            Event::Switch(lane) if lane == self.old.plan.lane && lane != self.attempt.plan.lane => self.go_back(None),
            Event::Connect(plan) => {
                // The unfinished link is removed first, so that its slot is free for the new request.
                let (old, effects) = self.restored(None);
                Transition::Enter(Target::Switching { old: Box::new(old), plan }, effects)
            }
            Event::Disconnect => Target::disconnect().into(),
            Event::Block(lockdown) => Target::lockdown(*lockdown, None).into(),
            Event::Switch(_)
            | Event::Unblock
            | Event::LinkUp(..)
            | Event::Routed(..)
            | Event::LockedDown(_)
            | Event::TornDown(_)
            | Event::Observed(..)
            | Event::Timeout => self.stay(),
        }
    }

    fn go_back(self, failure: Option<Failure>) -> Transition<Self> {
        let (old, effects) = self.restored(failure);
        Transition::Enter(Target::Connected(Box::new(old)), effects)
    }

    /// The old link, and the effects that return to it. Its routing is applied again if the new one may be partly
    /// applied.
    fn restored(mut self, failure: Option<Failure>) -> (ActiveLink, Vec<Effect>) {
        let mut effects = Vec::new();
        if self.attempt.is_routing() || self.old.plan.outside() != self.attempt.plan.outside() {
            effects.push(Effect::Route(self.old.slot, Box::new(self.old.plan.routing(self.old.slot))));
        }
        effects.push(Effect::Remove(self.old.slot.other()));
        self.old.failure = failure;
        (self.old, effects)
    }

    const fn stay(self) -> Transition<Self> {
        Transition::Stay(self, Vec::new())
    }
}
