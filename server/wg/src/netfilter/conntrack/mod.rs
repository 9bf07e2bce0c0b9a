//! Tracked flows: counts them and ends those of given addresses.

mod counts;
mod flows;
mod wire;

pub(crate) use counts::FlowCounts;
pub(crate) use flows::{Flows, max_tracked, tracked};
#[cfg(feature = "fuzzing")]
pub(super) use wire::{FlowFilter, flow_id};
