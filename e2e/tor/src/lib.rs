//! Parts of the end-to-end tests of the tor lane: a lab with server and private Tor network, what leaves the
//! server, and devices that never stop asking.

pub mod circuits;
pub mod control;
pub mod egress;
pub mod load;
pub mod names;
pub mod steady;
pub mod storm;
pub mod switches;
pub mod world;
