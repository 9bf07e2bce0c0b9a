//! Disconnecting.

use super::model::{Effect, Event};
use super::transition::{Target, Then, Transition};

/// Everything of ours is being removed.
#[derive(Debug)]
pub struct Disconnecting {
    then: Then,
}

impl Disconnecting {
    pub(super) fn enter(then: Then) -> (Self, Vec<Effect>) {
        (Self { then }, vec![Effect::TearDown])
    }

    pub(super) fn handle(mut self, event: Event) -> Transition<Self> {
        match event {
            Event::TornDown(Ok(())) => {
                return match self.then {
                    Then::Disconnected(failure) => Target::Disconnected(failure),
                    Then::Connect(plan) => Target::Connecting { plan, lockdown: None },
                    Then::Block(lockdown) => Target::lockdown(*lockdown, None),
                }
                .into();
            }
            // What could not be removed still exists, so the state must not become "disconnected".
            Event::TornDown(Err(e)) => return Target::LeftOver(e).into(),
            Event::Block(lockdown) => self.then = Then::Block(lockdown),
            Event::Connect(plan) if !matches!(self.then, Then::Block(_)) => self.then = Then::Connect(plan),
            Event::Disconnect if !matches!(self.then, Then::Block(_)) => self.then = Then::Disconnected(None),
            Event::Unblock => self.then = Then::Disconnected(None),
            Event::Connect(_)
            | Event::Disconnect
            | Event::Switch(_)
            | Event::LinkUp(..)
            | Event::Routed(..)
            | Event::LockedDown(_)
            | Event::Disturbed(_)
            | Event::Observed(..)
            | Event::Timeout => {}
        }
        Transition::Stay(self, Vec::new())
    }
}
