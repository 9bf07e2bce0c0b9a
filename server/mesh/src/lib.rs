//! The mesh: typed contracts between the processes, carried by HTTP/1.1 + JSON over Unix sockets.
//!
//! One file a service holds its contract: the trait, its data, its error, its router and its client.
//! Errors travel as `application/problem+json` (RFC 9457) and come out as the contract's own enum.
//! The caller's uid is read from the kernel (`SO_PEERCRED`, unix(7)) and checked for each method.

mod channel;
mod connection;
mod context;
mod contract;
mod fault;
mod pace;
mod peer;
mod respond;
#[cfg(test)]
mod rights_tests;
mod server;
mod slots;
mod stream;

pub mod auth;
pub mod beneath;
pub mod engines;
pub mod failure;
pub mod ground;
pub mod master;
pub mod session;
pub mod token;
pub mod tor;
mod treatment;
pub mod trial;
pub mod wg;

pub use channel::Channel;
pub use connection::serve_connection;
pub use context::{Context, ContextError, TUN_SOCKET};
pub use fault::{MeshFault, ServiceError};
pub use pace::{every, every_after, rest};
pub use peer::{Caller, Role, Roles, RolesError};
pub use respond::problem_response;
pub use server::{HoldReady, Limits, Readiness, ReadySetter, SocketError, SocketServer, listen};
pub use stream::ndjson;
pub use treatment::{MAX_RATE, Treatment, UserTreatment};

/// Input of methods that take none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoInput {}

/// Output of methods that only succeed or fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Done {}
