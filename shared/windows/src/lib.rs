//! What the client needs of Windows: access rights, named pipes, interfaces and routes. Unsafe calls of its API are
//! here, so that the crates that decide have none.
//!
//! [`Sid`], [`Security`] and [`Route`] are data. They compile on every operating system, so their tests do not need
//! Windows. The module `os` hands them to Windows.

mod route;
mod security;
mod sid;

#[cfg(windows)]
pub mod os;

pub use route::{Route, outside};
pub use security::{FULL, PIPE_CLIENT, Security};
pub use sid::{NotSid, Sid};
