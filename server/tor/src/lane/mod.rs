//! The tor lane: the operator's desired state, the decision whether the lane is open, its state in service `wg`, and
//! the page that devices get in maintenance.

pub(crate) mod desired;
mod keeper;
mod machine;
pub(crate) mod page;

pub(crate) use keeper::Keeper;
pub(crate) use machine::{Input, Machine, Verdict, tor_lane};
