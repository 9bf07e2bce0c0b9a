//! The session has ended. No transition leaves this state.

use super::activity::Activity;
use super::states::{Change, Closed, Machine, Step};
use tornado_shared::model::CloseReason;

impl Closed {
    pub(super) const fn because(activity: Activity, reason: CloseReason) -> Step {
        (Machine::Closed(Self { activity, reason }), Some(Change::Closed(reason)))
    }
}
