//! Fuzz targets: one for each parser that reads what others wrote.
//!
//! `cargo xtask test fuzz` builds them instrumented, replays `corpus/` and goes on from there for a few seconds
//! each; `cargo xtask fuzz TARGET --seconds N` goes on for longer. The corpus is replayed by the tests of this crate too,
//! without libFuzzer. A target panics where a promise does not hold, and the promises are more than not to panic.

mod json;
mod request;
mod runtime;
mod socket;
mod targets;

pub use targets::{TARGETS, known};

/// A parser under attack.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its directory in `corpus/`.
    pub name: &'static str,
    /// Takes any bytes; panics where a promise does not hold.
    pub run: fn(&[u8]),
}

/// A target by its name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}
