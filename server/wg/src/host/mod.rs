//! The machine: links, kernel settings, uplinks, forwarding.

mod forwarding;
pub(crate) mod netlink;
pub(crate) mod sysctl;
mod uplinks;

pub(crate) use forwarding::Forwarding;
#[cfg(test)]
pub(crate) use uplinks::Mac;
pub(crate) use uplinks::{HostInterfaces, uplinks};
