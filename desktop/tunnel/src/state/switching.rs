//! Switching, make before break: the old link carries all traffic until the new one has completed a handshake.

use super::model::{ActiveLink, Effect, Event, Failure};
use super::progress::Progress;
use super::transition::{Target, Transition};
use crate::plan::{Plan, Slot};
use std::time::Instant;

/// The old link is up, and a new one is being set up.
#[derive(Debug)]
pub struct Switching {
    pub(super) old: ActiveLink,
    pub(super) plan: Plan,
    progress: Progress,
}

impl Switching {
    pub(super) fn enter(old: ActiveLink, plan: Plan) -> (Self, Vec<Effect>) {
        let up = Effect::Up(Box::new(plan.link(old.slot.other())));
        let mut effects = Vec::new();
        // Packets of the new link must be allowed while the old one carries all traffic.
        if old.plan.outside() != plan.outside() {
            let both = old.plan.routing(old.slot).and_outside(plan.outside());
            effects.push(Effect::Route(old.slot, Box::new(both)));
        }
        effects.push(up);
        (Self { old, plan, progress: Progress::CreatingLink }, effects)
    }

    const fn slot(&self) -> Slot {
        self.old.slot.other()
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.progress.deadline()
    }

    pub(super) const fn handshaking(&self) -> Option<Slot> {
        self.progress.handshaking(self.slot())
    }

    pub(super) fn handle(mut self, event: Event, now: Instant) -> Transition<Self> {
        let (new, old) = (self.slot(), self.old.slot);
        match (event, self.progress) {
            (Event::LinkUp(slot, Ok(backend)), Progress::CreatingLink) if slot == new => {
                self.progress = Progress::handshaking_since(backend, now, self.plan.on(self.plan.lane).others.len());
                self.stay()
            }
            (Event::LinkUp(slot, Err(e)), Progress::CreatingLink | Progress::Handshaking { .. }) if slot == new => {
                self.go_back(Some(Failure::Link(e)))
            }
            (Event::Observed(slot, Ok(observed)), Progress::Handshaking { backend, .. })
                if slot == new && observed.handshake_age.is_some() =>
            {
                self.progress = Progress::Routing { backend, observed };
                let route = Effect::Route(new, Box::new(self.plan.routing(new)));
                Transition::Stay(self, vec![route])
            }
            (Event::Timeout, Progress::Handshaking { deadline, .. }) if now >= deadline => {
                let failure = Failure::NoHandshake(self.plan.lane);
                self.go_back(Some(failure))
            }
            (Event::Timeout, Progress::Handshaking { retry: Some(at), .. }) if now >= at => {
                self.progress = self.progress.retried(now, self.plan.on(self.plan.lane).others.len());
                self.plan.try_next_endpoint();
                let up = Effect::Up(Box::new(self.plan.link(new)));
                Transition::Stay(self, vec![Effect::Remove(new), up])
            }
            (Event::Routed(slot, Ok(())), Progress::Routing { backend, observed }) if slot == new => {
                let link = ActiveLink { plan: self.plan, slot: new, backend, observed, since: now, failure: None };
                Transition::Enter(Target::Connected(Box::new(link)), vec![Effect::Remove(old)])
            }
            (Event::Routed(slot, Err(e)), Progress::Routing { .. }) if slot == new => {
                self.go_back(Some(Failure::Routing(e)))
            }
            (Event::Observed(slot, Err(e)), Progress::Handshaking { .. } | Progress::Routing { .. }) if slot == new => {
                self.go_back(Some(Failure::Link(e)))
            }
            (Event::Routed(slot, Err(e)), _) if slot == old => self.old.lost(Failure::Routing(e)).into(),
            (Event::Disturbed(e), _) => self.old.lost(Failure::Routing(e)).into(),
            (Event::Observed(slot, Ok(observed)), _) if slot == old => {
                self.old.observed = observed;
                self.stay()
            }
            (Event::Observed(slot, Err(e)), _) if slot == old => self.old.lost(Failure::Link(e)).into(),
            (Event::Switch(lane), _) if lane == self.old.plan.lane && lane != self.plan.lane => self.go_back(None),
            (Event::Connect(plan), _) => {
                // The unfinished link is removed first, so that its slot is free for the new request.
                let (old, effects) = self.restored(None);
                Transition::Enter(Target::Switching { old: Box::new(old), plan }, effects)
            }
            (Event::Disconnect, _) => Target::disconnect().into(),
            (Event::Block(lockdown), _) => Target::lockdown(*lockdown, None).into(),
            (
                Event::Switch(_)
                | Event::Unblock
                | Event::LinkUp(..)
                | Event::Routed(..)
                | Event::LockedDown(_)
                | Event::TornDown(_)
                | Event::Observed(..)
                | Event::Timeout,
                _,
            ) => self.stay(),
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
        if matches!(self.progress, Progress::Routing { .. }) || self.old.plan.outside() != self.plan.outside() {
            effects.push(Effect::Route(self.old.slot, Box::new(self.old.plan.routing(self.old.slot))));
        }
        effects.push(Effect::Remove(self.slot()));
        self.old.failure = failure;
        (self.old, effects)
    }

    const fn stay(self) -> Transition<Self> {
        Transition::Stay(self, Vec::new())
    }
}
