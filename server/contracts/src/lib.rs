//! The contracts between the server's processes: for each service one file with its methods, their data and its error.
//!
//! Each is a list for [`tornado_rpc::contract!`], which writes the trait, the router and the client from it. Methods list
//! the services that may call them; root may call all.

pub mod auth;
pub mod engines;
pub mod master;
#[cfg(test)]
mod rights_tests;
mod service;
pub mod session;
pub mod token;
pub mod tor;
mod treatment;
pub mod wg;

pub use service::{ServiceName, UnknownService};
pub use treatment::{MAX_RATE, Treatment, UserTreatment};
