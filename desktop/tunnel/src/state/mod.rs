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
//! tunnel is desired or the desired state is unknown. Only a handshake or a disconnect request ends it. The lockdown
//! mode changes that: with `off`, the machine is never blocked; with `always`, it is blocked instead of disconnected
//! ([`under`] is the complete rule).
//!
//! Invariants, which the property tests below check: a slot is brought up only while it is down; routes lead only into
//! a slot that is up; after any sequence of events, a disconnected tunnel leaves nothing in the kernel; with `always`,
//! no sequence of events removes the firewall.

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
use blocked::Blocked;
use connected::Connected;
use connecting::Connecting;
use disconnected::Disconnected;
use disconnecting::Disconnecting;
pub use model::{
    BLOCK_AGAIN_AFTER, BlockedReason, Effect, Event, Failure, HANDSHAKE_DEADLINE, Lockdown, NEXT_AFTER, Phase,
    RETRY_AFTER, STALE_AFTER, View,
};
use std::time::{Duration, Instant};
use switching::Switching;
use tornado_shared::model::LockdownMode;
use transition::{Target, Then, Transition};

/// State of the tunnel.
#[derive(Debug)]
pub struct State {
    mode: LockdownMode,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
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

type NextStage = (Stage, Vec<Effect>);

impl State {
    /// The state at startup: removing what an earlier process may have left, or entering lockdown.
    #[must_use]
    pub fn start(mode: LockdownMode, lockdown: Option<Lockdown>) -> Next {
        let target = match lockdown {
            None => Target::Disconnecting(Then::Disconnected(None)),
            Some(lockdown) => Target::lockdown(lockdown, None),
        };
        Self::of(mode, enter(mode, target))
    }

    /// Handles an event that occurred at `now`.
    #[must_use]
    pub fn handle(self, event: Event, now: Instant) -> Next {
        let mode = self.mode;
        let next = match self.stage {
            Stage::Disconnected(state) => next(mode, state.handle(event), Stage::Disconnected),
            Stage::Connecting(state) => next(mode, state.handle(event, now), Stage::Connecting),
            Stage::Connected(state) => next(mode, state.handle(event), Stage::Connected),
            Stage::Switching(state) => next(mode, state.handle(event, now), |state| Stage::Switching(Box::new(state))),
            Stage::Disconnecting(state) => next(mode, state.handle(event), Stage::Disconnecting),
            Stage::Blocked(state) => next(mode, state.handle(event, now), Stage::Blocked),
        };
        Self::of(mode, next)
    }

    /// Sets the lockdown mode, and blocks or releases traffic accordingly.
    #[must_use]
    pub fn set_mode(self, mode: LockdownMode) -> Next {
        let next = match (self.stage, mode) {
            (Stage::Disconnected(state), LockdownMode::Always) => enter(mode, Target::Disconnected(state.failure)),
            (Stage::Connecting(state), _) => (Stage::Connecting(state.under(mode)), Vec::new()),
            (Stage::Blocked(state), _) => next(mode, state.under(mode), Stage::Blocked),
            (
                stage @ (Stage::Disconnected(_) | Stage::Connected(_) | Stage::Switching(_) | Stage::Disconnecting(_)),
                _,
            ) => (stage, Vec::new()),
        };
        Self::of(mode, next)
    }

    fn of(mode: LockdownMode, (stage, effects): NextStage) -> Next {
        (Self { mode, stage }, effects)
    }

    /// When [`Event::Timeout`] is due.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Connecting(state) => state.attempt.deadline(),
            Stage::Switching(state) => state.attempt.deadline(),
            Stage::Blocked(state) => state.deadline(),
            Stage::Disconnected(_) | Stage::Connected(_) | Stage::Disconnecting(_) => None,
        }
    }

    /// Links to observe, and the interval between observations.
    #[must_use]
    pub fn poll_links(&self) -> (Vec<Slot>, Duration) {
        const HURRY: Duration = Duration::from_millis(50);
        const CALM: Duration = Duration::from_secs(1);
        match &self.stage {
            Stage::Connecting(state) => (state.attempt.handshaking().into_iter().collect(), HURRY),
            Stage::Connected(state) => (vec![state.link.slot], CALM),
            Stage::Switching(state) => {
                (std::iter::once(state.old.slot).chain(state.attempt.handshaking()).collect(), HURRY)
            }
            Stage::Disconnected(_) | Stage::Disconnecting(_) | Stage::Blocked(_) => (Vec::new(), CALM),
        }
    }

    /// The state as published.
    #[must_use]
    pub fn view(&self) -> View {
        match &self.stage {
            Stage::Disconnected(state) => View { failure: state.failure.clone(), ..View::new(Phase::Disconnected) },
            Stage::Connecting(state) => View {
                lane: Some(state.attempt.plan.lane),
                lockdown: state.is_blocked(),
                ..View::new(Phase::Connecting)
            },
            Stage::Connected(state) => state.link.view(Phase::Connected),
            Stage::Switching(state) => {
                View { failure: None, target: Some(state.attempt.plan.lane), ..state.old.view(Phase::Switching) }
            }
            Stage::Disconnecting(_) => View::new(Phase::Disconnecting),
            Stage::Blocked(state) => state.view(),
        }
    }
}

fn next<S>(mode: LockdownMode, transition: Transition<S>, same: impl FnOnce(S) -> Stage) -> NextStage {
    match transition {
        Transition::Stay(state, effects) => (same(state), effects),
        Transition::Enter(target, mut effects) => {
            let (stage, more) = enter(mode, target);
            effects.extend(more);
            (stage, effects)
        }
    }
}

/// The target that is entered instead of `target` in this mode.
fn under(mode: LockdownMode, target: Target) -> Target {
    let always = |failure, plan| Target::Blocked { lockdown: Lockdown::always(), failure, plan };
    match (mode, target) {
        (LockdownMode::Auto, target) => target,
        (LockdownMode::Always, Target::Disconnected(failure) | Target::Disconnecting(Then::Disconnected(failure))) => {
            always(failure, None)
        }
        (
            LockdownMode::Always,
            Target::Disconnecting(Then::Connect(plan)) | Target::Connecting { plan, lockdown: None },
        ) => always(None, Some(plan)),
        (LockdownMode::Always, Target::Disconnecting(Then::Block(lockdown))) => Target::lockdown(*lockdown, None),
        (LockdownMode::Always, Target::LeftOver(cause)) => always(Some(Failure::Routing(cause)), None),
        (LockdownMode::Off, Target::Blocked { failure, plan: None, .. }) => {
            Target::Disconnecting(Then::Disconnected(failure))
        }
        (LockdownMode::Off, Target::Blocked { plan: Some(plan), .. }) => Target::Disconnecting(Then::Connect(plan)),
        (LockdownMode::Off, Target::Disconnecting(Then::Block(_))) => Target::Disconnecting(Then::Disconnected(None)),
        (LockdownMode::Off, Target::Connecting { plan, .. }) => Target::Connecting { plan, lockdown: None },
        (
            LockdownMode::Off,
            target @ (Target::Disconnected(_)
            | Target::Connected(_)
            | Target::Switching { .. }
            | Target::Disconnecting(_)
            | Target::LeftOver(_)),
        )
        | (
            LockdownMode::Always,
            target @ (Target::Connecting { .. }
            | Target::Connected(_)
            | Target::Switching { .. }
            | Target::Blocked { .. }),
        ) => target,
    }
}

fn enter(mode: LockdownMode, target: Target) -> NextStage {
    fn with<S>((state, effects): (S, Vec<Effect>), of: impl FnOnce(S) -> Stage) -> NextStage {
        (of(state), effects)
    }
    match under(mode, target) {
        Target::Disconnected(failure) => (Stage::Disconnected(Disconnected { failure }), Vec::new()),
        Target::Connecting { plan, lockdown } => with(Connecting::enter(*plan, lockdown), Stage::Connecting),
        Target::Connected(link) => (Stage::Connected(Connected { link: *link }), Vec::new()),
        Target::Switching { old, plan } => {
            with(Switching::enter(*old, *plan), |state| Stage::Switching(Box::new(state)))
        }
        Target::Disconnecting(then) => with(Disconnecting::enter(then), Stage::Disconnecting),
        Target::Blocked { lockdown, failure, plan } => with(Blocked::enter(lockdown, failure, plan), Stage::Blocked),
        Target::LeftOver(cause) => with(Blocked::left_over(cause), Stage::Blocked),
    }
}
