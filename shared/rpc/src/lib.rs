//! Remote procedure calls between processes of one machine: HTTP/1.1 and JSON over a Unix socket, on Windows over a
//! named pipe.
//!
//! A contract is one list of methods for [`contract!`], which generates its trait, router and client. Errors travel as
//! `application/problem+json` (RFC 9457) and are converted back to the contract's error enum. The kernel reports the
//! user at the other end of a connection (`SO_PEERCRED`, unix(7); the token of a pipe's client). [`Access`] maps that
//! user to roles, and each method lists the roles that may call it. This crate does not depend on any service.
//!
//! ```text
//! client → channel → transport ─ socket ─ transport → server → door → connection → respond → the contract's trait
//! ```
//!
//! [`transport`] is the only module that depends on the operating system.

#![forbid(unsafe_code)]

mod access;
mod caller;
mod channel;
mod connection;
mod contract;
mod door;
mod fault;
mod observer;
mod request;
mod respond;
mod server;
mod slots;
mod stream;
pub mod transport;
pub mod verb;

pub use access::{Access, Known};
pub use axum::Router;
pub use caller::{Caller, Role};
pub use channel::Channel;
pub use connection::{Limits, serve_connection};
pub use door::Stopping;
pub use fault::{Fault, ServiceError};
pub use observer::{CALLS, Observer};
pub use request::{REQUEST_ID, RequestId};
pub use respond::problem_response;
pub use server::{SocketServer, with_unknown_methods};
pub use stream::Lines;
#[cfg(unix)]
pub use transport::listen;
pub use transport::{Peer, Socket, SocketError, UserId, listen_alone};

/// For the code that [`contract!`] generates.
#[doc(hidden)]
pub mod private {
    pub use crate::respond::{Method, serve};
    pub use async_trait::async_trait;
    pub use {axum, futures};
}

/// Input of methods without parameters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoInput {}

/// Output of methods that return nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Done {}
