//! Client of Tor's control port (control-spec): own, small, and trusting nothing it reads.

pub(crate) mod auth;
pub(crate) mod client;
pub(crate) mod event;
pub(crate) mod reply;
pub(crate) mod words;

pub(crate) use client::{Control, connect};
pub(crate) use event::{CircuitLine, Event, PathHop};

/// Why the control port did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    #[error("the control socket cannot be used: {0}")]
    Io(#[from] std::io::Error),
    #[error("the control connection is closed")]
    Closed,
    #[error("Tor did not answer in time")]
    Late,
    #[error("on the control port: {0}")]
    Protocol(&'static str),
    #[error("whoever answers on the control socket is not our Tor")]
    NotTor,
    #[error("Tor refused with {code}: {text}")]
    Refused {
        /// Code of the reply.
        code: u16,
        /// Tor's words.
        text: String,
    },
}
