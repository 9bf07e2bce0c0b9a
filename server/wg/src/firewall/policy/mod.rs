//! The policy as data, and the rules that follow from single parts of it. Pure.

pub(super) mod admission;
mod model;
pub(super) mod networks;

pub(crate) use model::{LaneRules, Policy};
