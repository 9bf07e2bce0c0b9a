//! Tests of the client on Windows: its programs, the service and the pipe between them. They run on Windows as an
//! administrator, and on Linux under wine: `cargo xtask test windows`.

#![cfg(windows)]

mod restricted;
mod service;

pub use restricted::run_restricted;
pub use service::{Ended, Service, program, run};
