//! Netfilter over netlink (`include/uapi/linux/netfilter/nfnetlink.h`): change notifications, map elements and tracked
//! flows.

mod conntrack;
mod flows;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod holdings;
mod maps;
mod maps_wire;
mod message;
mod notices;

pub(crate) use flows::{Flows, most_tracked, tracked};
pub(crate) use holdings::Holdings;
pub(crate) use maps::Maps;
pub(crate) use maps_wire::{Key, Row, Target};
pub(crate) use notices::{Notice, Notices, OwnRuns};
