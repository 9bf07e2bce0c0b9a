//! Code that every service uses: context, tasks, clock, readiness and access to the machine.
//!
//! Nothing here depends on what a service does.

mod admission;
pub mod beneath;
mod context;
pub mod engines;
pub mod failure;
pub mod ground;
pub mod interfaces;
mod memory;
pub mod metrics;
pub mod operators;
mod pace;
mod readiness;
mod roles;
mod signals;
mod tasks;
pub mod tls;

pub use admission::{Admission, Counted, Place};
pub use context::{Context, ContextError, TUN_SOCKET, socket_path};
pub use memory::release_unused;
pub use pace::{every, every_after, rest};
pub use readiness::{HoldReady, Readiness, ReadySetter};
pub use roles::{Roles, RolesError};
pub use signals::end_on_signals;
pub use tasks::{Running, TaskError, Tasks};
pub use tornado_kit::{backoff, clock, files, trial};
