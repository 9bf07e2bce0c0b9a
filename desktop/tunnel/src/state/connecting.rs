//! Connecting: link, handshake, routes. Traffic is blocked from the first step on, because a tunnel is desired.

use super::model::{BlockedReason, Effect, Event, Failure, Lockdown};
use super::progress::{Attempt, Step};
use super::transition::{Target, Then, Transition};
use crate::plan::{Plan, Slot};
use std::time::Instant;
use tornado_shared::model::LockdownMode;

/// A link is being set up.
#[derive(Debug)]
pub struct Connecting {
    pub(super) attempt: Attempt,
    /// The lockdown that was active before, and becomes active again if this attempt fails. `None`: after a failure
    /// there is no tunnel and no lockdown.
    lockdown: Option<Lockdown>,
    /// True once traffic is blocked.
    is_blocked: bool,
}

impl Connecting {
    /// Connects while `lockdown`, if any, is active.
    pub(super) fn enter(plan: Plan, lockdown: Option<Lockdown>) -> (Self, Vec<Effect>) {
        // Traffic that was allowed before stays allowed, in addition to traffic to the new endpoint.
        let allowed = lockdown.iter().flat_map(|lockdown| lockdown.outside.iter().copied());
        let routing = plan.lockdown().and_outside(allowed);
        let (attempt, up) = Attempt::new(plan, Slot::A);
        let is_blocked = lockdown.is_some();
        (Self { attempt, lockdown, is_blocked }, vec![Effect::LockDown(Box::new(routing)), up])
    }

    pub(super) const fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// Sets what follows if the attempt fails. Traffic is blocked during the attempt in any mode.
    pub(super) fn under(mut self, mode: LockdownMode) -> Self {
        match mode {
            LockdownMode::Off => self.lockdown = None,
            LockdownMode::Auto => {
                self.lockdown.take_if(|lockdown| lockdown.reason == BlockedReason::Always);
            }
            LockdownMode::Always => {
                self.lockdown.get_or_insert_with(Lockdown::always);
            }
        }
        self
    }

    pub(super) fn handle(mut self, event: Event, now: Instant) -> Transition<Self> {
        let event = match self.attempt.handle(event, now) {
            Step::Continue(effects) => return Transition::Stay(self, effects),
            Step::Up(link) => return Target::Connected(link).into(),
            Step::Failed(failure) => return self.fail(failure),
            Step::Other(event) => event,
        };
        match event {
            Event::LockedDown(Ok(())) => {
                self.is_blocked = true;
                self.stay()
            }
            Event::LockedDown(Err(e)) | Event::Disturbed(e) => self.fail(Failure::Routing(e)),
            Event::Connect(plan) => self.restart(plan),
            Event::Switch(lane) if lane != self.attempt.plan.lane => {
                let plan = Box::new(self.attempt.plan.clone().with_lane(lane));
                self.restart(plan)
            }
            Event::Disconnect => Target::disconnect().into(),
            Event::Block(lockdown) => Target::lockdown(*lockdown, None).into(),
            Event::Switch(_)
            | Event::Unblock
            | Event::LinkUp(..)
            | Event::Routed(..)
            | Event::TornDown(_)
            | Event::Observed(..)
            | Event::Timeout => self.stay(),
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
