//! Fuzz targets: one for each parser that reads what others wrote.
//!
//! The tests of this crate replay `corpus/` in the ordinary build; that is the suite `fuzz`. `cargo xtask fuzz TARGET
//! --seconds N` builds the targets instrumented and goes on from the corpus, guided by coverage; `cargo xtask test --all`
//! does so for a few seconds each. A target panics where a promise does not hold, and the promises are more than not to panic.

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
