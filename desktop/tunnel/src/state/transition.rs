//! What a state does with an event. States name the next state and its data; the state machine enters it.

use super::model::{ActiveLink, BlockedReason, Effect, Failure, Lockdown};
use crate::plan::Plan;

/// Result of an event in state `S`.
pub(super) enum Transition<S> {
    /// The state remains, after these effects.
    Stay(S, Vec<Effect>),
    /// Another state follows. These effects precede those of entering it.
    Enter(Target, Vec<Effect>),
}

/// The next state.
pub(super) enum Target {
    Disconnected(Option<Failure>),
    /// Connect while `lockdown`, if any, is active. It stays active until the tunnel is up.
    Connecting {
        plan: Box<Plan>,
        lockdown: Option<Lockdown>,
    },
    Connected(Box<ActiveLink>),
    Switching {
        old: Box<ActiveLink>,
        plan: Box<Plan>,
    },
    Disconnecting(Then),
    /// Apply the lockdown, then connect with `plan`, if any.
    Blocked {
        lockdown: Lockdown,
        failure: Option<Failure>,
        plan: Option<Box<Plan>>,
    },
    /// An earlier tunnel could not be removed, for this reason.
    LeftOver(String),
}

/// What follows once everything was removed.
#[derive(Debug)]
pub(super) enum Then {
    Disconnected(Option<Failure>),
    Connect(Box<Plan>),
    Block(Box<Lockdown>),
}

impl Target {
    pub(super) const fn disconnect() -> Self {
        Self::Disconnecting(Then::Disconnected(None))
    }

    pub(super) const fn lockdown(lockdown: Lockdown, failure: Option<Failure>) -> Self {
        Self::Blocked { lockdown, failure, plan: None }
    }
}

impl ActiveLink {
    /// Lockdown, after the tunnel went down without a request.
    pub(super) fn lost(self, failure: Failure) -> Target {
        Target::lockdown(Lockdown { reason: BlockedReason::Lost, outside: self.plan.outside() }, Some(failure))
    }
}

impl<S> From<Target> for Transition<S> {
    fn from(target: Target) -> Self {
        Self::Enter(target, Vec::new())
    }
}
