//! Fuzz targets: one for each parser of untrusted input.
//!
//! The tests of this crate replay `corpus/` in the ordinary build; this is the suite `fuzz`. `cargo xtask fuzz TARGET
//! --seconds N` builds the targets instrumented and continues from the corpus, guided by coverage; `cargo xtask test
//! --all` does this for a few seconds each. A target panics if a guarantee is violated; not panicking is only one of
//! the guarantees.

#![forbid(unsafe_code)]

mod json;
mod request;
mod runtime;
mod socket;
mod targets;

pub use targets::{TARGETS, known};

/// A fuzz target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is also its directory in `corpus/`.
    pub name: &'static str,
    /// Accepts any bytes; panics if a guarantee is violated.
    pub run: fn(&[u8]),
}

/// Returns the target with this name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}
