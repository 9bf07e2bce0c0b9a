//! WireGuard around gotatun's handshakes and sessions: who a packet is for, who one comes from, and when something is
//! due.
//!
//! [`table`] decides and does no input or output; [`tasks`] move packets between it, the TUN device and the socket.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod guard;
mod inner;
mod message;
mod own;
mod peer;
mod routes;
pub(crate) mod table;
pub(crate) mod tasks;

pub(crate) use guard::{Guard, Verdict};
pub(crate) use message::Kind;
pub(crate) use own::{Own, Sender};
pub use peer::{Peer, Status};
