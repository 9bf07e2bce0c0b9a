//! The status that callers see.

mod freshness;
mod lanes;
mod publisher;

pub(crate) use freshness::Freshness;
pub(crate) use lanes::LaneStates;
pub(crate) use publisher::Publisher;
