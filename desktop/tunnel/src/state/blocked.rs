//! Not usable until somebody acts.

use super::disconnecting::Then;
use super::{Disconnecting, Event, Next, State};

/// Why no tunnel may be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockedReason {
    /// The stored state cannot be read, so nobody knows what was wanted.
    #[error("the stored state cannot be read: {0}")]
    Store(String),
    /// Routes or interfaces of an earlier tunnel could not be taken away.
    #[error("an earlier tunnel could not be taken away: {0}")]
    CleanUp(String),
}

/// Waiting for somebody to act.
#[derive(Debug)]
pub struct Blocked {
    pub(super) reason: BlockedReason,
}

impl Blocked {
    pub(super) fn enter(reason: BlockedReason) -> Next {
        (State::Blocked(Self { reason }), Vec::new())
    }

    pub(super) fn handle(self, event: Event) -> Next {
        let left_over = matches!(self.reason, BlockedReason::CleanUp(_));
        match event {
            Event::Unblock => Disconnecting::enter(Then::Rest(None)),
            // Another try at cleaning up is what these ask for.
            Event::Disconnect if left_over => Disconnecting::enter(Then::Rest(None)),
            Event::Connect(plan) if left_over => Disconnecting::enter(Then::Connect(plan)),
            Event::Block(reason) if !left_over => Self::enter(reason),
            Event::Block(reason) => Disconnecting::enter(Then::Block(reason)),
            Event::Connect(_)
            | Event::Disconnect
            | Event::Switch(_)
            | Event::LinkUp(..)
            | Event::Routed(..)
            | Event::TornDown(_)
            | Event::Observed(..)
            | Event::Timeout => (State::Blocked(self), Vec::new()),
        }
    }
}
