//! State of the services, sessions and lanes.

mod canary;
mod crowding;
pub mod engines;
pub mod metrics;
pub mod sessions;
pub mod status;
pub mod tor;
