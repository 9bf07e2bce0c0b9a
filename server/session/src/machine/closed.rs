//! The session has ended. No transition leaves this state.

use super::{Change, Machine, Signs, Step};
use tornado_shared::model::CloseReason;

/// State `closed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    pub(super) signs: Signs,
    /// Reason of the end.
    pub reason: CloseReason,
}

impl Closed {
    pub(super) const fn because(signs: Signs, reason: CloseReason) -> Step {
        (Machine::Closed(Self { signs, reason }), Some(Change::Closed(reason)))
    }
}
