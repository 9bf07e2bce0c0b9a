//! All traffic is held back until a tunnel stands or somebody gives it up.

use super::disconnecting::Then;
use super::{Connecting, Disconnecting, Effect, Event, Failure, Next, Phase, State, View};
use crate::plan::{Plan, Slot};
use crate::policy::{Outside, Routing};

/// Why no traffic passes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockedReason {
    /// The stored state cannot be read, so nobody knows what was wanted.
    #[error("the stored state cannot be read: {0}")]
    Store(String),
    /// It cannot be read whether a tunnel was wanted.
    #[error("it cannot be read whether a tunnel was wanted ({0}); say `tornado connect` or `tornado disconnect`")]
    Unknown(String),
    /// A tunnel was wanted when this program ended without being asked to.
    #[error("the helper ended while a tunnel was up; traffic is held back until it is up again")]
    Interrupted,
    /// The tunnel's interface or routes were lost.
    #[error("the tunnel was lost; traffic is held back until it is up again")]
    Lost,
    /// The server wants this device no longer, while nobody here said that the tunnel should end.
    #[error(
        "the server ended this device's tunnel: {0}; traffic is held back until you log in again or say `tornado disconnect`"
    )]
    Ended(String),
    /// The server gives this device no tunnel now, though it is logged in.
    #[error(
        "this device has no tunnel now: {0}; traffic is held back until it is up again, which is tried by itself, or until you say `tornado disconnect`"
    )]
    Denied(String),
    /// Routes or interfaces of an earlier tunnel could not be taken away.
    #[error("an earlier tunnel could not be taken away: {0}")]
    CleanUp(String),
}

/// What to hold back, and why.
#[derive(Debug, Clone)]
pub struct Hold {
    /// Why.
    pub reason: BlockedReason,
    /// What passes all the same: the way to the server.
    pub outside: Vec<Outside>,
}

/// Waiting for a tunnel, or for somebody to act.
#[derive(Debug)]
pub struct Blocked {
    hold: Hold,
    step: Step,
    /// Why the latest attempt at a tunnel failed.
    failure: Option<Failure>,
}

#[derive(Debug)]
enum Step {
    /// The rules are being set; then comes this plan, if any.
    Setting(Option<Box<Plan>>),
    /// Nothing passes.
    Held,
    /// The rules could not be set; what holds is not known.
    Failed(String),
    /// An earlier tunnel could not be taken away.
    LeftOver,
}

impl Blocked {
    pub(super) fn enter(hold: Hold, failure: Option<Failure>) -> Next {
        Self::set(hold, failure, None)
    }

    /// As [`enter`](Self::enter), and then connecting with this plan.
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
        // Only somebody who repairs or discards the store may lift this one.
        let unknown = matches!(self.hold.reason, BlockedReason::Store(_));
        match (event, self.step) {
            (Event::Held(Ok(())), Step::Setting(plan)) => {
                // From here on nothing leads into a link of ours.
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
            // Nothing is known to hold: first that, then the tunnel.
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
