//! Shared parts of the end-to-end tests of the lanes: a client that speaks only the original's interface, and malformed
//! packets.

#![forbid(unsafe_code)]

pub mod original;
pub mod raw;
pub mod upstream;
pub mod wireguard_go;
pub mod world;
