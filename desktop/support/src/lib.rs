//! The support bundle: what a person who helps needs to know about a device, with levels of redaction.
//!
//! The helper collects what requires its rights ([`collect`]); the programs of the user add the rest, redact it and
//! show it ([`Bundle`]).

#![forbid(unsafe_code)]

mod bundle;
mod collect;
mod redact;

pub use bundle::{Bundle, save};
pub use collect::{LOG, collect, log};
pub use redact::{Level, UnknownLevel};
