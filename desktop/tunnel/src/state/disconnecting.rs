//! Disconnecting.

use super::{Blocked, Connecting, Disconnected, Effect, Event, Failure, Hold, Next, State};
use crate::plan::Plan;

/// Everything of ours is being removed.
#[derive(Debug)]
pub struct Disconnecting {
    then: Then,
}

/// What follows once everything was removed.
#[derive(Debug)]
pub(super) enum Then {
    Rest(Option<Failure>),
    Connect(Box<Plan>),
    Block(Box<Hold>),
}

impl Disconnecting {
    pub(super) fn enter(then: Then) -> Next {
        (State::Disconnecting(Self { then }), vec![Effect::TearDown])
    }

    pub(super) fn handle(mut self, event: Event) -> Next {
        match event {
            Event::TornDown(Ok(())) => {
                return match self.then {
                    Then::Rest(failure) => Disconnected::enter(failure),
                    Then::Connect(plan) => Connecting::enter(*plan),
                    Then::Block(hold) => Blocked::enter(*hold, None),
                };
            }
            // What could not be removed still exists, so the state must not become "disconnected".
            Event::TornDown(Err(e)) => return Blocked::left_over(e),
            Event::Block(hold) => self.then = Then::Block(hold),
            Event::Connect(plan) if !matches!(self.then, Then::Block(_)) => self.then = Then::Connect(plan),
            Event::Disconnect if !matches!(self.then, Then::Block(_)) => self.then = Then::Rest(None),
            Event::Unblock => self.then = Then::Rest(None),
            Event::Connect(_)
            | Event::Disconnect
            | Event::Switch(_)
            | Event::LinkUp(..)
            | Event::Routed(..)
            | Event::Held(_)
            | Event::Disturbed(_)
            | Event::Observed(..)
            | Event::Timeout => {}
        }
        (State::Disconnecting(self), Vec::new())
    }
}
