//! Disconnected.

use super::{Blocked, Connecting, Event, Failure, Next, State};

/// Nothing of ours is in the kernel.
#[derive(Debug)]
pub struct Disconnected {
    /// Why the latest attempt failed.
    pub(super) failure: Option<Failure>,
}

impl Disconnected {
    pub(super) fn enter(failure: Option<Failure>) -> Next {
        (State::Disconnected(Self { failure }), Vec::new())
    }

    pub(super) fn handle(self, event: Event) -> Next {
        match event {
            Event::Connect(plan) => Connecting::enter(*plan),
            Event::Disconnect => Self::enter(None),
            Event::Block(hold) => Blocked::enter(*hold, None),
            Event::Switch(_)
            | Event::Unblock
            | Event::LinkUp(..)
            | Event::Routed(..)
            | Event::Held(_)
            | Event::TornDown(_)
            | Event::Disturbed(_)
            | Event::Observed(..)
            | Event::Timeout => (State::Disconnected(self), Vec::new()),
        }
    }
}
