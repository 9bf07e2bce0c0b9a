//! Messages of nfnetlink (`include/uapi/linux/netfilter/nfnetlink.h`): what nftables tells, what is tracked.

mod conntrack;
mod flows;
mod message;
mod notices;

pub(crate) use flows::Flows;
pub(crate) use notices::{Notice, Notices, OwnRuns};
