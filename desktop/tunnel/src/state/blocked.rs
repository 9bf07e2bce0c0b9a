//! Blocked: lockdown is active until a tunnel is up or the user acts.

use super::disconnecting::Then;
use super::{Connecting, Disconnecting, Effect, Event, Failure, Next, Phase, State, View};
use crate::plan::{Plan, Slot};
use crate::policy::{Outside, Routing};

/// Reasons for a lockdown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockedReason {
    /// The stored login cannot be read, so the desired state is unknown.
    #[error("cannot read the stored state: {0}")]
    Store(String),
    /// The stored desired state cannot be read.
    #[error("cannot read the desired state of the tunnel: {0}; run `tornado connect` or `tornado disconnect`")]
    Unknown(String),
    /// A tunnel was desired when an earlier helper process ended.
    #[error("the helper stopped while a tunnel was up; all traffic is blocked until the tunnel is up again")]
    Interrupted,
    /// The tunnel's interface or routes were lost.
    #[error("the tunnel was lost; all traffic is blocked until it is up again")]
    Lost,
    /// The server ended the login, but the user did not disconnect.
    #[error(
        "the server ended this device's tunnel: {0}; all traffic is blocked until you log in again or run \
         `tornado disconnect`"
    )]
    Ended(String),
    /// The device is logged in but has no tunnel now, for example because the server rejected it.
    #[error(
        "this device has no tunnel now: {0}; all traffic is blocked until an automatic retry succeeds or you run \
         `tornado disconnect`"
    )]
    Denied(String),
    /// Routes or interfaces of an earlier tunnel could not be removed.
    #[error("cannot remove an earlier tunnel: {0}")]
    CleanUp(String),
}

/// A lockdown.
#[derive(Debug, Clone)]
pub struct Hold {
    /// The reason.
    pub reason: BlockedReason,
    /// Traffic to the server that is still allowed.
    pub outside: Vec<Outside>,
}

/// Lockdown, until a tunnel is up or the user acts.
#[derive(Debug)]
pub struct Blocked {
    hold: Hold,
    step: Step,
    /// Why the latest attempt to connect failed.
    failure: Option<Failure>,
}

#[derive(Debug)]
enum Step {
    /// The rules are being applied. Afterwards the plan, if any, is connected.
    Setting(Option<Box<Plan>>),
    /// All traffic is blocked.
    Held,
    /// The rules could not be applied, so the state of the kernel is unknown.
    Failed(String),
    /// An earlier tunnel could not be removed.
    LeftOver,
}

impl Blocked {
    pub(super) fn enter(hold: Hold, failure: Option<Failure>) -> Next {
        Self::set(hold, failure, None)
    }

    /// Like [`enter`](Self::enter), then connects with `plan`.
    pub(super) fn enter_for(hold: Hold, plan: Plan) -> Next {
        Self::set(hold, None, Some(Box::new(plan)))
    }

    pub(super) fn left_over(cause: String) -> Next {
        let hold = Hold { reason: BlockedReason::CleanUp(cause), outside: Vec::new() };
        (State::Blocked(Self { hold, step: Step::LeftOver, failure: None }), Vec::new())
    }

    fn set(hold: Hold, failure: Option<Failure>, plan: Option<Box<Plan>>) -> Next {
        let routing = Effect::Hold(Box::new(Routing::held(hold.outside.clone())));
        (State::Blocked(Self { hold, step: Step::Setting(plan), failure }), vec![routing])
    }

    pub(super) fn view(&self) -> View {
        let failure = match &self.step {
            Step::Failed(e) => Some(Failure::Routing(e.clone())),
            Step::Setting(_) | Step::Held | Step::LeftOver => self.failure.clone(),
        };
        View {
            blocked: Some(self.hold.reason.clone()),
            held: matches!(self.step, Step::Held),
            failure,
            ..View::new(Phase::Blocked)
        }
    }

    pub(super) fn handle(mut self, event: Event) -> Next {
        // Only repairing or discarding the store may lift this lockdown.
        let unknown = matches!(self.hold.reason, BlockedReason::Store(_));
        match (event, self.step) {
            (Event::Held(Ok(())), Step::Setting(plan)) => {
                // From here on, nothing is routed into a link of ours.
                let mut effects: Vec<Effect> = Slot::ALL.map(Effect::Remove).into();
                let (state, more) = match plan {
                    Some(plan) => Connecting::enter_held(*plan, self.hold),
                    None => (State::Blocked(Self { step: Step::Held, ..self }), Vec::new()),
                };
                effects.extend(more);
                (state, effects)
            }
            (Event::Held(Err(e)), Step::Setting(_)) => {
                self.step = Step::Failed(e);
                (State::Blocked(self), Vec::new())
            }
            (Event::Disturbed(e), Step::Held | Step::Failed(_)) => {
                self.step = Step::Failed(e);
                (State::Blocked(self), Vec::new())
            }
            (Event::Unblock, _) => Disconnecting::enter(Then::Rest(None)),
            (Event::Disconnect, _) if !unknown => Disconnecting::enter(Then::Rest(None)),
            (Event::Connect(plan), Step::LeftOver) => Disconnecting::enter(Then::Connect(plan)),
            (Event::Connect(plan), Step::Held) if !unknown => Connecting::enter_held(*plan, self.hold),
            // The lockdown is not confirmed: apply it first, then connect.
            (Event::Connect(plan), Step::Setting(_) | Step::Failed(_)) if !unknown => Self::enter_for(self.hold, *plan),
            (Event::Block(hold), Step::LeftOver) => Disconnecting::enter(Then::Block(hold)),
            (Event::Block(hold), _) => Self::enter(*hold, None),
            (
                Event::Connect(_)
                | Event::Disconnect
                | Event::Switch(_)
                | Event::LinkUp(..)
                | Event::Routed(..)
                | Event::Held(_)
                | Event::TornDown(_)
                | Event::Disturbed(_)
                | Event::Observed(..)
                | Event::Timeout,
                step,
            ) => (State::Blocked(Self { step, ..self }), Vec::new()),
        }
    }
}
