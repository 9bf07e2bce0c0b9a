//! Connecting: link, handshake, routes. Traffic is blocked from the first step on, because a tunnel is desired.

use super::model::{ActiveLink, Effect, Event, Failure, Lockdown};
use super::progress::Progress;
use super::transition::{Target, Then, Transition};
use crate::plan::{Plan, Slot};
use std::time::Instant;

/// A link is being set up.
#[derive(Debug)]
pub struct Connecting {
    pub(super) plan: Plan,
    progress: Progress,
    /// The lockdown that was active before, and becomes active again if this attempt fails. `None`: after a failure
    /// there is no tunnel and no lockdown.
    lockdown: Option<Lockdown>,
    /// True once traffic is blocked.
    is_blocked: bool,
}

const SLOT: Slot = Slot::A;

impl Connecting {
    /// Connects while `lockdown`, if any, is active.
    pub(super) fn enter(plan: Plan, lockdown: Option<Lockdown>) -> (Self, Vec<Effect>) {
        let up = Effect::Up(Box::new(plan.link(SLOT)));
        // Traffic that was allowed before stays allowed, in addition to traffic to the new endpoint.
        let allowed = lockdown.iter().flat_map(|lockdown| lockdown.outside.iter().copied());
        let routing = plan.lockdown().and_outside(allowed);
        let is_blocked = lockdown.is_some();
        let state = Self { plan, progress: Progress::CreatingLink, lockdown, is_blocked };
        (state, vec![Effect::LockDown(Box::new(routing)), up])
    }

    pub(super) const fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.progress.deadline()
    }

    pub(super) const fn handshaking(&self) -> Option<Slot> {
        self.progress.handshaking(SLOT)
    }

    pub(super) fn handle(mut self, event: Event, now: Instant) -> Transition<Self> {
        match (event, self.progress) {
            (Event::LockedDown(Ok(())), _) => {
                self.is_blocked = true;
                self.stay()
            }
            (Event::LockedDown(Err(e)) | Event::Disturbed(e), _) => self.fail(Failure::Routing(e)),
            (Event::LinkUp(SLOT, Ok(backend)), Progress::CreatingLink) => {
                self.progress = Progress::handshaking_since(backend, now, self.plan.on(self.plan.lane).others.len());
                self.stay()
            }
            (Event::LinkUp(SLOT, Err(e)), Progress::CreatingLink | Progress::Handshaking { .. }) => {
                self.fail(Failure::Link(e))
            }
            (Event::Observed(SLOT, Ok(observed)), Progress::Handshaking { backend, .. })
                if observed.handshake_age.is_some() =>
            {
                self.progress = Progress::Routing { backend, observed };
                let route = Effect::Route(SLOT, Box::new(self.plan.routing(SLOT)));
                Transition::Stay(self, vec![route])
            }
            (Event::Observed(SLOT, Err(e)), Progress::Handshaking { .. } | Progress::Routing { .. }) => {
                self.fail(Failure::Link(e))
            }
            (Event::Timeout, Progress::Handshaking { deadline, .. }) if now >= deadline => {
                let failure = Failure::NoHandshake(self.plan.lane);
                self.fail(failure)
            }
            (Event::Timeout, Progress::Handshaking { retry: Some(at), .. }) if now >= at => {
                self.progress = self.progress.retried(now, self.plan.on(self.plan.lane).others.len());
                self.plan.try_next_endpoint();
                let up = Effect::Up(Box::new(self.plan.link(SLOT)));
                Transition::Stay(self, vec![Effect::Remove(SLOT), up])
            }
            (Event::Routed(SLOT, Ok(())), Progress::Routing { backend, observed }) => {
                let link = ActiveLink { plan: self.plan, slot: SLOT, backend, observed, since: now, failure: None };
                Target::Connected(Box::new(link)).into()
            }
            (Event::Routed(SLOT, Err(e)), Progress::Routing { .. }) => self.fail(Failure::Routing(e)),
            (Event::Connect(plan), _) => self.restart(plan),
            (Event::Switch(lane), _) if lane != self.plan.lane => {
                let plan = Box::new(self.plan.clone().with_lane(lane));
                self.restart(plan)
            }
            (Event::Disconnect, _) => Target::disconnect().into(),
            (Event::Block(lockdown), _) => Target::lockdown(*lockdown, None).into(),
            (
                Event::Switch(_)
                | Event::Unblock
                | Event::LinkUp(..)
                | Event::Routed(..)
                | Event::TornDown(_)
                | Event::Observed(..)
                | Event::Timeout,
                _,
            ) => self.stay(),
        }
    }

    const fn stay(self) -> Transition<Self> {
        Transition::Stay(self, Vec::new())
    }

    fn fail(self, failure: Failure) -> Transition<Self> {
        match self.lockdown {
            None => Target::Disconnecting(Then::Disconnected(Some(failure))),
            Some(lockdown) => Target::lockdown(lockdown, Some(failure)),
        }
        .into()
    }

    /// Starts over with another plan. The unfinished link is removed first; a lockdown stays active.
    fn restart(self, plan: Box<Plan>) -> Transition<Self> {
        match self.lockdown {
            None => Target::Disconnecting(Then::Connect(plan)),
            Some(lockdown) => Target::Blocked { lockdown, failure: None, plan: Some(plan) },
        }
        .into()
    }
}
