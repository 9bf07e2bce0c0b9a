//! Progress of a link that is being set up: link, handshake, routes.

use super::model::{HANDSHAKE_DEADLINE, NEXT_AFTER, RETRY_AFTER};
use crate::plan::{Backend, Observation, Slot};
use std::time::Instant;

/// Progress of a new link.
#[derive(Debug, Clone, Copy)]
pub(super) enum Progress {
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

impl Progress {
    /// `others` is the number of alternative endpoints of the lane.
    pub(super) fn handshaking_since(backend: Backend, now: Instant, others: usize) -> Self {
        let pause = if others == 0 { RETRY_AFTER } else { NEXT_AFTER[0] };
        Self::Handshaking { backend, deadline: now + HANDSHAKE_DEADLINE, retry: Some(now + pause), retries: 0 }
    }

    /// The progress after the link was created again.
    pub(super) fn retried(self, now: Instant, others: usize) -> Self {
        let Self::Handshaking { backend, deadline, retries, .. } = self else { return self };
        let retries = retries + 1;
        let pause = if others == 0 { None } else { NEXT_AFTER.get(retries) };
        Self::Handshaking { backend, deadline, retry: pause.map(|pause| now + *pause), retries }
    }

    /// The time of the next retry, otherwise the handshake deadline.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Handshaking { retry: Some(at), .. } => Some(*at),
            Self::Handshaking { deadline, retry: None, .. } => Some(*deadline),
            Self::CreatingLink | Self::Routing { .. } => None,
        }
    }

    pub(super) const fn handshaking(&self, slot: Slot) -> Option<Slot> {
        match self {
            Self::Handshaking { .. } => Some(slot),
            Self::CreatingLink | Self::Routing { .. } => None,
        }
    }
}
