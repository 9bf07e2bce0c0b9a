//! Blocked: lockdown is active until a tunnel is up or the user acts.

use super::model::{BlockedReason, Effect, Event, Failure, Lockdown, Phase, View};
use super::transition::{Target, Then, Transition};
use crate::plan::{Plan, Slot};
use crate::policy::Routing;

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
    /// The rules could not be applied, so the state of the kernel is unknown.
    Failed(String),
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
            Step::Failed(e) => Some(Failure::Routing(e.clone())),
            Step::Applying(_) | Step::Applied | Step::LeftOver => self.failure.clone(),
        };
        View {
            blocked: Some(self.lockdown.reason.clone()),
            lockdown: matches!(self.step, Step::Applied),
            failure,
            ..View::new(Phase::Blocked)
        }
    }

    pub(super) fn handle(mut self, event: Event) -> Transition<Self> {
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
            (Event::LockedDown(Err(e)), Step::Applying(_)) | (Event::Disturbed(e), Step::Applied | Step::Failed(_)) => {
                self.step = Step::Failed(e);
                Transition::Stay(self, Vec::new())
            }
            (Event::Unblock, _) => Target::disconnect().into(),
            (Event::Disconnect, _) if !unknown => Target::disconnect().into(),
            (Event::Connect(plan), Step::LeftOver) => Target::Disconnecting(Then::Connect(plan)).into(),
            (Event::Connect(plan), Step::Applied) if !unknown => {
                Target::Connecting { plan, lockdown: Some(self.lockdown) }.into()
            }
            // The lockdown is not confirmed: apply it first, then connect.
            (Event::Connect(plan), Step::Applying(_) | Step::Failed(_)) if !unknown => {
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
