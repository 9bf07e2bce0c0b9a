//! Remote procedure calls between processes of one machine: HTTP/1.1 and JSON over a Unix socket.
//!
//! A contract is one list of methods for [`contract!`], which writes its trait, router and client. Errors travel as
//! `application/problem+json` (RFC 9457) and come out as the contract's own enum. The kernel names the user at the other
//! end of a connection (`SO_PEERCRED`, unix(7)); [`Access`] turns that user into roles, and each method lists the roles
//! that may call it. This crate knows no service.
//!
//! ```text
//! client → channel → transport ─ socket ─ transport → server → door → connection → respond → the contract's trait
//! ```
//!
//! [`transport`] is the only module that depends on the operating system. A named pipe needs the same few items of it.

mod access;
mod caller;
mod channel;
mod connection;
mod contract;
mod door;
mod fault;
mod respond;
mod server;
mod slots;
mod stream;
pub mod transport;

pub use access::{Access, Known};
pub use axum::Router;
pub use caller::{Caller, Role};
pub use channel::Channel;
pub use connection::serve_connection;
pub use fault::{Fault, ServiceError};
pub use respond::problem_response;
pub use server::{Limits, SocketServer, Stopping, with_unknown_methods};
pub use stream::Lines;
pub use transport::{Peer, Socket, SocketError, UserId, listen, listen_alone};

/// For the code that [`contract!`] writes.
#[doc(hidden)]
pub mod private {
    pub use crate::respond::{Method, handle};
    pub use async_trait::async_trait;
    pub use {axum, futures, http};
}

/// Input of methods that take none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoInput {}

/// Output of methods that only succeed or fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Done {}
