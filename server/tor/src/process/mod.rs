//! The Tor process: its user, files and configuration, the supervisor that owns the child, and its log.

mod account;
pub(crate) mod bridge;
mod child;
mod layout;
mod leftovers;
pub(crate) mod log;
pub(crate) mod stuck;
mod supervise;
pub(crate) mod torrc;

pub(crate) use account::Account;
pub(crate) use layout::Layout;
pub(crate) use supervise::{DesiredProcess, Supervisor};
