//! Shared parts of the end-to-end tests of the tor lane: a lab with server and private Tor network, captures
//! on the server's uplink, and devices that send requests continuously.

#![forbid(unsafe_code)]

pub mod circuits;
pub mod control;
pub mod egress;
pub mod load;
pub mod names;
pub mod steady;
pub mod storm;
pub mod switches;
pub mod world;
