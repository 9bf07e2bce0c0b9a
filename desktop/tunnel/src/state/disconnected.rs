//! Disconnected.

use super::model::{Event, Failure};
use super::transition::{Target, Transition};

/// Nothing of ours is in the kernel.
#[derive(Debug)]
pub struct Disconnected {
    /// Why the latest attempt failed.
    pub(super) failure: Option<Failure>,
}

impl Disconnected {
    pub(super) fn handle(self, event: Event) -> Transition<Self> {
        match event {
            Event::Connect(plan) => Target::Connecting { plan, lockdown: None }.into(),
            Event::Disconnect => Transition::Stay(Self { failure: None }, Vec::new()),
            Event::Block(lockdown) => Target::lockdown(*lockdown, None).into(),
            Event::Switch(_)
            | Event::Unblock
            | Event::LinkUp(..)
            | Event::Routed(..)
            | Event::LockedDown(_)
            | Event::TornDown(_)
            | Event::Disturbed(_)
            | Event::Observed(..)
            | Event::Timeout => Transition::Stay(self, Vec::new()),
        }
    }
}
