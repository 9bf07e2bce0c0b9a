//! The support bundle: what a person who helps needs to know about a device, with levels of redaction.
//!
//! The helper collects what requires its rights ([`collect()`]); the programs of the user add the rest, redact it and
//! show it ([`Bundle`]).

#![forbid(unsafe_code)]

mod bundle;
mod collect;
mod redact;
mod system;

pub use bundle::{Bundle, save};
pub use collect::{collect, log};
pub use redact::{Level, UnknownLevel};
pub use system::{host_name, log as log_file};
