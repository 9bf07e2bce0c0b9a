//! WireGuard around gotatun's handshakes and sessions: selects the peer for a packet, identifies the sender of a
//! datagram, and runs the timers.
//!
//! [`table`] decides and does no I/O; [`tasks`] move packets between the table, the TUN device and the socket.

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
