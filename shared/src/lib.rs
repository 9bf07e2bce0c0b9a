//! Types, wire formats and cryptography shared by the server, the client and the console.
//!
//! The crate does no I/O, so it also builds for `wasm32-unknown-unknown`.

#![forbid(unsafe_code)]

pub mod api;
pub mod crypto;
pub mod format;
pub mod invitation;
pub mod model;
pub mod offer;
pub mod problem;
pub mod wg_quick;
