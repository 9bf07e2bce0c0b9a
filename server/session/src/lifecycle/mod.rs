//! Life of a session, from connect to close. The decisions are in `machine`.

mod close;
mod connect;
mod heartbeat;
mod restore;
mod state;
mod sweep;

pub(crate) use close::Closer;
pub(crate) use connect::Connector;
pub(crate) use heartbeat::Heartbeats;
pub(crate) use restore::restore;
pub(crate) use sweep::Sweeper;
