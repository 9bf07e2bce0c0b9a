//! The tunnel's state machine. Pure: it takes events and the time, and returns the next state and effects.
//!
//! ```text
//!   disconnected ──connect──▶ connecting ──handshake, routes──▶ connected ⇄ switching
//!        ▲                        │                                │            │
//!        └──────────────── disconnecting ◀────────────────────────┴────────────┘
//!                                                                     link lost │
//!                          connecting ◀──connect── blocked(reason) ◀───────────┘
//! ```
//!
//! *Blocked* means lockdown. The machine enters it when a tunnel goes down without a request, and at startup if a
//! tunnel is desired or the desired state is unknown. Only a handshake or a disconnect request ends it.
//!
//! Invariants, which the property test below checks: a slot is brought up only while it is down; routes lead only into
//! a slot that is up; after any sequence of events, a disconnected tunnel leaves nothing in the kernel.

mod blocked;
mod connected;
mod connecting;
mod disconnected;
mod disconnecting;
mod model;
mod progress;
mod switching;
#[cfg(test)]
mod tests;
mod transition;

use crate::plan::Slot;
pub use blocked::Blocked;
pub use connected::Connected;
pub use connecting::Connecting;
pub use disconnected::Disconnected;
pub use disconnecting::Disconnecting;
pub use model::{
    BlockedReason, Effect, Event, Failure, HANDSHAKE_DEADLINE, Lockdown, NEXT_AFTER, Phase, RETRY_AFTER, STALE_AFTER,
    View,
};
use std::time::{Duration, Instant};
pub use switching::Switching;
use transition::{Target, Then, Transition};

/// State of the tunnel.
#[derive(Debug)]
pub enum State {
    /// Nothing is up.
    Disconnected(Disconnected),
    /// A link is being set up. Traffic is not routed into it yet, and is blocked.
    Connecting(Connecting),
    /// All traffic goes through the tunnel.
    Connected(Connected),
    /// All traffic goes through the old link while a new one is set up.
    Switching(Box<Switching>),
    /// Everything of ours is being removed.
    Disconnecting(Disconnecting),
    /// All traffic is blocked.
    Blocked(Blocked),
}

/// A state, and the effects that lead to it.
pub type Next = (State, Vec<Effect>);

impl State {
    /// The state at startup: removing what an earlier process may have left, or entering lockdown.
    #[must_use]
    pub fn start(lockdown: Option<Lockdown>) -> Next {
        enter(match lockdown {
            None => Target::Disconnecting(Then::Disconnected(None)),
            Some(lockdown) => Target::lockdown(lockdown, None),
        })
    }

    /// Handles an event that occurred at `now`.
    #[must_use]
    pub fn handle(self, event: Event, now: Instant) -> Next {
        match self {
            Self::Disconnected(state) => next(state.handle(event), Self::Disconnected),
            Self::Connecting(state) => next(state.handle(event, now), Self::Connecting),
            Self::Connected(state) => next(state.handle(event), Self::Connected),
            Self::Switching(state) => next(state.handle(event, now), |state| Self::Switching(Box::new(state))),
            Self::Disconnecting(state) => next(state.handle(event), Self::Disconnecting),
            Self::Blocked(state) => next(state.handle(event), Self::Blocked),
        }
    }

    /// When [`Event::Timeout`] is due.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Connecting(state) => state.attempt.deadline(),
            Self::Switching(state) => state.attempt.deadline(),
            Self::Disconnected(_) | Self::Connected(_) | Self::Disconnecting(_) | Self::Blocked(_) => None,
        }
    }

    /// Links to observe, and the interval between observations.
    #[must_use]
    pub fn poll_links(&self) -> (Vec<Slot>, Duration) {
        const HURRY: Duration = Duration::from_millis(50);
        const CALM: Duration = Duration::from_secs(1);
        match self {
            Self::Connecting(state) => (state.attempt.handshaking().into_iter().collect(), HURRY),
            Self::Connected(state) => (vec![state.link.slot], CALM),
            Self::Switching(state) => {
                (std::iter::once(state.old.slot).chain(state.attempt.handshaking()).collect(), HURRY)
            }
            Self::Disconnected(_) | Self::Disconnecting(_) | Self::Blocked(_) => (Vec::new(), CALM),
        }
    }

    /// The state as published.
    #[must_use]
    pub fn view(&self) -> View {
        match self {
            Self::Disconnected(state) => View { failure: state.failure.clone(), ..View::new(Phase::Disconnected) },
            Self::Connecting(state) => View {
                lane: Some(state.attempt.plan.lane),
                lockdown: state.is_blocked(),
                ..View::new(Phase::Connecting)
            },
            Self::Connected(state) => state.link.view(Phase::Connected),
            Self::Switching(state) => {
                View { failure: None, target: Some(state.attempt.plan.lane), ..state.old.view(Phase::Switching) }
            }
            Self::Disconnecting(_) => View::new(Phase::Disconnecting),
            Self::Blocked(state) => state.view(),
        }
    }
}

fn next<S>(transition: Transition<S>, same: impl FnOnce(S) -> State) -> Next {
    match transition {
        Transition::Stay(state, effects) => (same(state), effects),
        Transition::Enter(target, mut effects) => {
            let (state, more) = enter(target);
            effects.extend(more);
            (state, effects)
        }
    }
}

fn enter(target: Target) -> Next {
    fn with<S>((state, effects): (S, Vec<Effect>), of: impl FnOnce(S) -> State) -> Next {
        (of(state), effects)
    }
    match target {
        Target::Disconnected(failure) => (State::Disconnected(Disconnected { failure }), Vec::new()),
        Target::Connecting { plan, lockdown } => with(Connecting::enter(*plan, lockdown), State::Connecting),
        Target::Connected(link) => (State::Connected(Connected { link: *link }), Vec::new()),
        Target::Switching { old, plan } => {
            with(Switching::enter(*old, *plan), |state| State::Switching(Box::new(state)))
        }
        Target::Disconnecting(then) => with(Disconnecting::enter(then), State::Disconnecting),
        Target::Blocked { lockdown, failure, plan } => with(Blocked::enter(lockdown, failure, plan), State::Blocked),
        Target::LeftOver(cause) => with(Blocked::left_over(cause), State::Blocked),
    }
}
