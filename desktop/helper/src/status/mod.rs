//! The status that callers see.

mod lanes;
mod publisher;

pub(crate) use lanes::LaneStates;
pub(crate) use publisher::Publisher;
