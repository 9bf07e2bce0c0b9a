//! Blocked: lockdown is active until a tunnel is up or the user acts.

use super::model::{BLOCK_AGAIN_AFTER, BlockedReason, Effect, Event, Failure, Lockdown, Phase, View};
use super::transition::{Target, Then, Transition};
use crate::plan::{Plan, Slot};
use crate::policy::Routing;
use std::time::Instant;
use tornado_shared::model::LockdownMode;

/// Lockdown, until a tunnel is up or the user acts.
#[derive(Debug)]
pub struct Blocked {
    lockdown: Lockdown,
    step: Step,
    /// Why the latest attempt to connect failed.
    failure: Option<Failure>,
}

#[derive(Debug)]
enum Step {
    /// The rules are being applied. Afterwards the plan, if any, is connected.
    Applying(Option<Box<Plan>>),
    /// All traffic is blocked.
    Applied,
    /// The rules could not be applied, so the state of the kernel is unknown. They are applied again at this time.
    Failed(String, Instant),
    /// An earlier tunnel could not be removed.
    LeftOver,
}

impl Blocked {
    /// Applies the lockdown, then connects with `plan`, if any.
    pub(super) fn enter(lockdown: Lockdown, failure: Option<Failure>, plan: Option<Box<Plan>>) -> (Self, Vec<Effect>) {
        let effect = Effect::LockDown(Box::new(Routing::lockdown(lockdown.outside.clone())));
        (Self { lockdown, step: Step::Applying(plan), failure }, vec![effect])
    }

    pub(super) fn left_over(cause: String) -> (Self, Vec<Effect>) {
        let lockdown = Lockdown { reason: BlockedReason::CleanUp(cause), outside: Vec::new() };
        (Self { lockdown, step: Step::LeftOver, failure: None }, Vec::new())
    }

    pub(super) fn view(&self) -> View {
        let failure = match &self.step {
            Step::Failed(e, _) => Some(Failure::Routing(e.clone())),
            Step::Applying(_) | Step::Applied | Step::LeftOver => self.failure.clone(),
        };
        View {
            blocked: Some(self.lockdown.reason.clone()),
            lockdown: matches!(self.step, Step::Applied),
            failure,
            ..View::new(Phase::Blocked)
        }
    }

    /// When a lockdown that could not be applied is applied again.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self.step {
            Step::Failed(_, again) => Some(again),
            Step::Applying(_) | Step::Applied | Step::LeftOver => None,
        }
    }

    /// Ends the lockdown if this mode does not require it.
    pub(super) fn under(self, mode: LockdownMode) -> Transition<Self> {
        let stays = match mode {
            LockdownMode::Off => matches!(self.step, Step::LeftOver),
            LockdownMode::Auto => self.lockdown.reason != BlockedReason::Always,
            LockdownMode::Always => !matches!(self.step, Step::LeftOver),
        };
        match self.step {
            _ if stays => Transition::Stay(self, Vec::new()),
            Step::Applying(Some(plan)) => Target::Disconnecting(Then::Connect(plan)).into(),
            Step::Applying(None) | Step::Applied | Step::Failed(..) | Step::LeftOver => {
                Target::Disconnecting(Then::Disconnected(self.failure)).into()
            }
        }
    }

    pub(super) fn handle(mut self, event: Event, now: Instant) -> Transition<Self> {
        // Only repairing or discarding the store may lift this lockdown.
        let unknown = matches!(self.lockdown.reason, BlockedReason::Store(_));
        match (event, self.step) {
            (Event::LockedDown(Ok(())), Step::Applying(plan)) => {
                // From here on, nothing is routed into a link of ours.
                let effects = Slot::ALL.map(Effect::Remove).into();
                match plan {
                    Some(plan) => {
                        Transition::Enter(Target::Connecting { plan, lockdown: Some(self.lockdown) }, effects)
                    }
                    None => Transition::Stay(Self { step: Step::Applied, ..self }, effects),
                }
            }
            (Event::LockedDown(Err(e)), Step::Applying(_))
            | (Event::Disturbed(e), Step::Applied | Step::Failed(..)) => {
                self.step = Step::Failed(e, now + BLOCK_AGAIN_AFTER);
                Transition::Stay(self, Vec::new())
            }
            (Event::Timeout, Step::Failed(_, again)) if now >= again => {
                Target::Blocked { lockdown: self.lockdown, failure: self.failure, plan: None }.into()
            }
            (Event::Unblock, _) => Target::disconnect().into(),
            (Event::Disconnect, _) if !unknown => Target::disconnect().into(),
            (Event::Connect(plan), Step::LeftOver) => Target::Disconnecting(Then::Connect(plan)).into(),
            (Event::Connect(plan), Step::Applied) if !unknown => {
                Target::Connecting { plan, lockdown: Some(self.lockdown) }.into()
            }
            // The lockdown is not confirmed: apply it first, then connect.
            (Event::Connect(plan), Step::Applying(_) | Step::Failed(..)) if !unknown => {
                Target::Blocked { lockdown: self.lockdown, failure: None, plan: Some(plan) }.into()
            }
            (Event::Block(lockdown), Step::LeftOver) => Target::Disconnecting(Then::Block(lockdown)).into(),
            (Event::Block(lockdown), _) => Target::lockdown(*lockdown, None).into(),
            (
                Event::Connect(_)
                | Event::Disconnect
                | Event::Switch(_)
                | Event::LinkUp(..)
                | Event::Routed(..)
                | Event::LockedDown(_)
                | Event::TornDown(_)
                | Event::Disturbed(_)
                | Event::Observed(..)
                | Event::Timeout,
                step,
            ) => Transition::Stay(Self { step, ..self }, Vec::new()),
        }
    }
}
