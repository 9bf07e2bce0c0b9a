//! A small client of Tor's control port (control-spec). It validates everything that it reads.
//!
//! `client` sends commands; `reply` frames what Tor sends, and `words`, `event` and `directory` parse it. `circuits`
//! answers questions that need several commands.

pub(crate) mod auth;
pub(crate) mod circuits;
mod client;
pub(crate) mod directory;
mod error;
pub(crate) mod event;
pub(crate) mod reply;
pub(crate) mod words;

pub(crate) use client::{Connection, Control, connect};
pub(crate) use error::ControlError;
pub(crate) use event::Event;
