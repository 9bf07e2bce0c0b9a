//! One Tor process with what is known about it: desired state, progress, health, probes and the circuits of devices.
//!
//! The tor lane has one instance, and each exit country in use has one. [`Instance`] is the state that the tasks of one
//! Tor process share; `state` decides. `start` starts the tasks: `attach` reads Tor's events, `probe` sends requests
//! through Tor, and the supervisor of `process` owns the child.

mod attach;
pub(crate) mod paths;
pub(crate) mod probe;
mod shared;
pub(crate) mod socks;
mod start;
mod state;

pub(crate) use shared::Instance;
pub(crate) use start::start;
