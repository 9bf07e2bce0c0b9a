//! Netfilter over netlink (`include/uapi/linux/netfilter/nfnetlink.h`): change notifications, map elements and tracked
//! flows.

mod conntrack;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod maps;
mod message;
mod notices;

pub(crate) use conntrack::{FlowCounts, Flows, max_tracked, tracked};
pub(crate) use maps::{Element, ElementValue, Key, Maps};
pub(crate) use notices::{Notice, Notices, OwnChanges};
