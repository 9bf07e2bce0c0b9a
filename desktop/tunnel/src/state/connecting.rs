//! On the way up: link, handshake, routes. Traffic still goes its old way until the handshake was seen.

use super::disconnecting::Then;
use super::{Connected, Disconnecting, Effect, Event, Failure, HANDSHAKE_DEADLINE, Next, RETRY_AFTER, State};
use crate::plan::{Backend, Observation, Plan, Slot};
use std::time::Instant;

/// A link is being brought up.
#[derive(Debug)]
pub struct Connecting {
    pub(super) plan: Plan,
    step: Step,
}

/// How far a new link is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Linking,
    Shaking { backend: Backend, deadline: Instant, retry: Option<Instant> },
    Routing { backend: Backend, observed: Observation },
}

const SLOT: Slot = Slot::A;

impl Connecting {
    pub(super) fn enter(plan: Plan) -> Next {
        let up = Effect::Up(Box::new(plan.link(SLOT)));
        (State::Connecting(Self { plan, step: Step::Linking }), vec![up])
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.step.deadline()
    }

    pub(super) const fn shaking(&self) -> Option<Slot> {
        self.step.shaking(SLOT)
    }

    pub(super) fn handle(mut self, event: Event, now: Instant) -> Next {
        match (event, self.step) {
            (Event::LinkUp(SLOT, Ok(backend)), Step::Linking) => {
                self.step = Step::shaking_since(backend, now);
                self.stay()
            }
            (Event::LinkUp(SLOT, Err(e)), Step::Linking | Step::Shaking { .. }) => Self::fail(Failure::Link(e)),
            (Event::Observed(SLOT, Ok(observed)), Step::Shaking { backend, .. })
                if observed.handshake_age.is_some() =>
            {
                self.step = Step::Routing { backend, observed };
                let route = Effect::Route(Box::new(self.plan.routing(SLOT)));
                (State::Connecting(self), vec![route])
            }
            (Event::Observed(SLOT, Err(e)), Step::Shaking { .. } | Step::Routing { .. }) => {
                Self::fail(Failure::Link(e))
            }
            (Event::Timeout, Step::Shaking { deadline, .. }) if now >= deadline => {
                Self::fail(Failure::NoHandshake(self.plan.lane))
            }
            (Event::Timeout, Step::Shaking { backend, deadline, retry: Some(at) }) if now >= at => {
                self.step = Step::Shaking { backend, deadline, retry: None };
                let up = Effect::Up(Box::new(self.plan.link(SLOT)));
                (State::Connecting(self), vec![Effect::Remove(SLOT), up])
            }
            (Event::Routed(SLOT, Ok(())), Step::Routing { backend, observed }) => {
                Connected::enter(self.plan, SLOT, backend, observed, now)
            }
            (Event::Routed(SLOT, Err(e)), Step::Routing { .. }) => Self::fail(Failure::Routing(e)),
            (Event::Connect(plan), _) => Disconnecting::enter(Then::Connect(plan)),
            (Event::Switch(lane), _) if lane != self.plan.lane => {
                Disconnecting::enter(Then::Connect(Box::new(self.plan.with_lane(lane))))
            }
            (Event::Disconnect, _) => Disconnecting::enter(Then::Rest(None)),
            (Event::Block(reason), _) => Disconnecting::enter(Then::Block(reason)),
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

    fn fail(failure: Failure) -> Next {
        Disconnecting::enter(Then::Rest(Some(failure)))
    }
}

impl Step {
    pub(super) fn shaking_since(backend: Backend, now: Instant) -> Self {
        Self::Shaking { backend, deadline: now + HANDSHAKE_DEADLINE, retry: Some(now + RETRY_AFTER) }
    }

    /// The retry comes before the deadline.
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
