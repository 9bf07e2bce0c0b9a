//! The connection to the server: the tunnel, its session and the login, and what keeps them alive.

mod control;
mod heartbeat;
mod leaks;
mod login;
mod path;
mod policy;
mod programs;
mod schedule;
mod session;
mod silence;
mod state;

pub(crate) use control::TunnelControl;
pub(crate) use leaks::{Machine, ReadMachine};
pub(crate) use policy::{PolicyControl, exempt};
pub(crate) use programs::{Groups, Programs};
pub(crate) use schedule::Schedule;
pub(crate) use session::CLOSE_TIMEOUT;
pub(crate) use silence::SilenceDetector;
pub(crate) use state::Connection;
