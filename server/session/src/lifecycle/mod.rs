//! Life of a session, from connect to close. The decisions are in `machine`.

pub(crate) mod close;
pub(crate) mod connect;
pub(crate) mod heartbeat;
mod restore;
mod state;
pub(crate) mod sweep;

pub(crate) use restore::restore;
