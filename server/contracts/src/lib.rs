//! Contracts between the server's processes: one file per service, with its methods, types and error.
//!
//! Each contract is a list for [`tornado_rpc::contract!`], which generates the trait, the router and the client. Every
//! method lists the services that may call it; root may call every method.

pub mod auth;
pub mod engines;
pub mod exposition;
pub mod master;
pub mod operator;
#[cfg(test)]
mod rights_tests;
mod service;
pub mod session;
pub mod telemetry;
pub mod token;
pub mod tor;
mod traffic_policy;
pub mod wg;

pub use service::{ServiceName, UnknownService};
pub use traffic_policy::{MAX_RATE, TrafficPolicy, UserTrafficPolicy};
