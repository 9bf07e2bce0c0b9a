//! Connecting: link, handshake, routes. Traffic is blocked from the first step on, because a tunnel is desired.

use super::disconnecting::Then;
use super::{
    Blocked, Connected, Disconnecting, Effect, Event, Failure, HANDSHAKE_DEADLINE, Hold, NEXT_AFTER, Next, RETRY_AFTER,
    State,
};
use crate::plan::{Backend, Observation, Plan, Slot};
use std::time::Instant;

/// A link is being set up.
#[derive(Debug)]
pub struct Connecting {
    pub(super) plan: Plan,
    step: Step,
    /// The lockdown that was active before, and becomes active again if this attempt fails. `None`: after a failure
    /// there is no tunnel and no lockdown.
    held: Option<Hold>,
    /// True once traffic is blocked.
    holds: bool,
}

/// Progress of a new link.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Linking,
    Shaking {
        backend: Backend,
        deadline: Instant,
        /// When the link is created again, with the next endpoint; `None`: not any more.
        retry: Option<Instant>,
        retries: usize,
    },
    Routing {
        backend: Backend,
        observed: Observation,
    },
}

const SLOT: Slot = Slot::A;

impl Connecting {
    pub(super) fn enter(plan: Plan) -> Next {
        Self::begin(plan, None)
    }

    /// Connects while lockdown is active. It stays active until the tunnel is up.
    pub(super) fn enter_held(plan: Plan, hold: Hold) -> Next {
        Self::begin(plan, Some(hold))
    }

    fn begin(plan: Plan, held: Option<Hold>) -> Next {
        let up = Effect::Up(Box::new(plan.link(SLOT)));
        // Traffic that was allowed before stays allowed, in addition to traffic to the new endpoint.
        let hold = plan.held().and_outside(held.iter().flat_map(|hold| hold.outside.iter().copied()));
        let effects = vec![Effect::Hold(Box::new(hold)), up];
        let holds = held.is_some();
        (State::Connecting(Self { plan, step: Step::Linking, held, holds }), effects)
    }

    pub(super) const fn is_held(&self) -> bool {
        self.holds
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.step.deadline()
    }

    pub(super) const fn shaking(&self) -> Option<Slot> {
        self.step.shaking(SLOT)
    }

    pub(super) fn handle(mut self, event: Event, now: Instant) -> Next {
        match (event, self.step) {
            (Event::Held(Ok(())), _) => {
                self.holds = true;
                self.stay()
            }
            (Event::Held(Err(e)) | Event::Disturbed(e), _) => self.fail(Failure::Routing(e)),
            (Event::LinkUp(SLOT, Ok(backend)), Step::Linking) => {
                self.step = Step::shaking_since(backend, now, self.plan.on(self.plan.lane).others.len());
                self.stay()
            }
            (Event::LinkUp(SLOT, Err(e)), Step::Linking | Step::Shaking { .. }) => self.fail(Failure::Link(e)),
            (Event::Observed(SLOT, Ok(observed)), Step::Shaking { backend, .. })
                if observed.handshake_age.is_some() =>
            {
                self.step = Step::Routing { backend, observed };
                let route = Effect::Route(SLOT, Box::new(self.plan.routing(SLOT)));
                (State::Connecting(self), vec![route])
            }
            (Event::Observed(SLOT, Err(e)), Step::Shaking { .. } | Step::Routing { .. }) => self.fail(Failure::Link(e)),
            (Event::Timeout, Step::Shaking { deadline, .. }) if now >= deadline => {
                let failure = Failure::NoHandshake(self.plan.lane);
                self.fail(failure)
            }
            (Event::Timeout, Step::Shaking { retry: Some(at), .. }) if now >= at => {
                self.step = self.step.retried(now, self.plan.on(self.plan.lane).others.len());
                self.plan.try_next_endpoint();
                let up = Effect::Up(Box::new(self.plan.link(SLOT)));
                (State::Connecting(self), vec![Effect::Remove(SLOT), up])
            }
            (Event::Routed(SLOT, Ok(())), Step::Routing { backend, observed }) => {
                Connected::enter(self.plan, SLOT, backend, observed, now)
            }
            (Event::Routed(SLOT, Err(e)), Step::Routing { .. }) => self.fail(Failure::Routing(e)),
            (Event::Connect(plan), _) => self.again(*plan),
            (Event::Switch(lane), _) if lane != self.plan.lane => {
                let plan = self.plan.clone().with_lane(lane);
                self.again(plan)
            }
            (Event::Disconnect, _) => Disconnecting::enter(Then::Rest(None)),
            (Event::Block(hold), _) => Blocked::enter(*hold, None),
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

    fn stay(self) -> Next {
        (State::Connecting(self), Vec::new())
    }

    fn fail(self, failure: Failure) -> Next {
        match self.held {
            None => Disconnecting::enter(Then::Rest(Some(failure))),
            Some(hold) => Blocked::enter(hold, Some(failure)),
        }
    }

    /// Starts over with another plan. The unfinished link is removed first; a lockdown stays active.
    fn again(self, plan: Plan) -> Next {
        match self.held {
            None => Disconnecting::enter(Then::Connect(Box::new(plan))),
            Some(hold) => Blocked::enter_for(hold, plan),
        }
    }
}

impl Step {
    /// `others` is the number of alternative endpoints of the lane.
    pub(super) fn shaking_since(backend: Backend, now: Instant, others: usize) -> Self {
        let pause = if others == 0 { RETRY_AFTER } else { NEXT_AFTER[0] };
        Self::Shaking { backend, deadline: now + HANDSHAKE_DEADLINE, retry: Some(now + pause), retries: 0 }
    }

    /// The step after the link was created again.
    pub(super) fn retried(self, now: Instant, others: usize) -> Self {
        let Self::Shaking { backend, deadline, retries, .. } = self else { return self };
        let retries = retries + 1;
        let pause = if others == 0 { None } else { NEXT_AFTER.get(retries) };
        Self::Shaking { backend, deadline, retry: pause.map(|pause| now + *pause), retries }
    }

    /// The time of the next retry, otherwise the handshake deadline.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Shaking { retry: Some(at), .. } => Some(*at),
            Self::Shaking { deadline, retry: None, .. } => Some(*deadline),
            Self::Linking | Self::Routing { .. } => None,
        }
    }

    pub(super) const fn shaking(&self, slot: Slot) -> Option<Slot> {
        match self {
            Self::Shaking { .. } => Some(slot),
            Self::Linking | Self::Routing { .. } => None,
        }
    }
}
