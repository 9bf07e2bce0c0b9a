//! Progress of a link that is being set up: link, handshake, routes.

use super::model::{ActiveLink, Effect, Event, Failure, HANDSHAKE_DEADLINE, NEXT_AFTER, RETRY_AFTER};
use crate::plan::{Backend, Observation, Plan, Slot};
use std::time::Instant;

/// A new link.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) plan: Plan,
    slot: Slot,
    progress: Progress,
}

/// Progress of a new link.
#[derive(Debug, Clone, Copy)]
enum Progress {
    CreatingLink,
    Handshaking {
        backend: Backend,
        deadline: Instant,
        /// When the link is created again, with the next endpoint; `None`: not any more.
        retry: Option<Instant>,
        retries: usize,
    },
    Routing {
        backend: Backend,
        observed: Observation,
    },
}

/// What an event means for a new link.
pub(super) enum Step {
    Continue(Vec<Effect>),
    /// All traffic is routed into the link.
    Up(Box<ActiveLink>),
    Failed(Failure),
    /// The event does not concern the link.
    Other(Event),
}

impl Attempt {
    pub(super) fn new(plan: Plan, slot: Slot) -> (Self, Effect) {
        let attempt = Self { plan, slot, progress: Progress::CreatingLink };
        let up = attempt.up();
        (attempt, up)
    }

    fn up(&self) -> Effect {
        Effect::Up(Box::new(self.plan.link(self.slot)))
    }

    pub(super) fn handle(&mut self, event: Event, now: Instant) -> Step {
        let (slot, others) = (self.slot, self.plan.on(self.plan.lane).others.len());
        match (event, self.progress) {
            (Event::LinkUp(at, Ok(backend)), Progress::CreatingLink) if at == slot => {
                let pause = if others == 0 { RETRY_AFTER } else { NEXT_AFTER[0] };
                let (deadline, retry) = (now + HANDSHAKE_DEADLINE, Some(now + pause));
                self.progress = Progress::Handshaking { backend, deadline, retry, retries: 0 };
                Step::Continue(Vec::new())
            }
            (Event::LinkUp(at, Err(e)), Progress::CreatingLink | Progress::Handshaking { .. }) if at == slot => {
                Step::Failed(Failure::Link(e))
            }
            (Event::Observed(at, Ok(observed)), Progress::Handshaking { backend, .. })
                if at == slot && observed.handshake_age.is_some() =>
            {
                self.progress = Progress::Routing { backend, observed };
                Step::Continue(vec![Effect::Route(slot, Box::new(self.plan.routing(slot)))])
            }
            (Event::Observed(at, Err(e)), Progress::Handshaking { .. } | Progress::Routing { .. }) if at == slot => {
                Step::Failed(Failure::Link(e))
            }
            (Event::Timeout, Progress::Handshaking { deadline, .. }) if now >= deadline => {
                Step::Failed(Failure::NoHandshake(self.plan.lane))
            }
            (Event::Timeout, Progress::Handshaking { backend, deadline, retry: Some(at), retries }) if now >= at => {
                let retries = retries + 1;
                let pause = if others == 0 { None } else { NEXT_AFTER.get(retries) };
                let retry = pause.map(|pause| now + *pause);
                self.progress = Progress::Handshaking { backend, deadline, retry, retries };
                self.plan.try_next_endpoint();
                Step::Continue(vec![Effect::Remove(slot), self.up()])
            }
            (Event::Routed(at, Ok(())), Progress::Routing { backend, observed }) if at == slot => {
                let plan = self.plan.clone();
                Step::Up(Box::new(ActiveLink { plan, slot, backend, observed, since: now, failure: None }))
            }
            (Event::Routed(at, Err(e)), Progress::Routing { .. }) if at == slot => Step::Failed(Failure::Routing(e)),
            (event, _) => Step::Other(event),
        }
    }

    /// The time of the next retry, otherwise the handshake deadline.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self.progress {
            Progress::Handshaking { retry: Some(at), .. } => Some(at),
            Progress::Handshaking { deadline, retry: None, .. } => Some(deadline),
            Progress::CreatingLink | Progress::Routing { .. } => None,
        }
    }

    /// The slot, while a handshake is awaited.
    pub(super) const fn handshaking(&self) -> Option<Slot> {
        match self.progress {
            Progress::Handshaking { .. } => Some(self.slot),
            Progress::CreatingLink | Progress::Routing { .. } => None,
        }
    }

    /// True if a part of the routing may be applied.
    pub(super) const fn is_routing(&self) -> bool {
        matches!(self.progress, Progress::Routing { .. })
    }
}
