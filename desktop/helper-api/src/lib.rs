//! Contract between the privileged helper and whoever the user runs: the `tornado` command and the desktop app.
//!
//! HTTP/1.1 and JSON over a Unix socket; the status stream is NDJSON; errors are `application/problem+json`
//! (RFC 9457) that carry [`HelperError`]. So `curl --unix-socket /run/tornado-helper/helper.sock
//! http://helper/v1/status` is the debugger. The contract is narrow on purpose: it moves no paths, no commands and
//! no routes, so the worst a caller can ask for is the user's own tunnel.

mod access;
mod client;
mod door;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod model;
mod server;

pub use access::Access;
pub use client::HelperClient;
pub use error::HelperError;
pub use model::{
    Backend, Choice, Chosen, Connect, ControlPlane, Devices, Enroll, Export, Exported, Login, Notice, RemoveDevice,
    Status, SwitchLane, TunnelState,
};
pub use server::{Helper, listen, serve};
pub use tornado_shared::api::{ChooseExit, SessionsQuery};

use std::path::PathBuf;

/// Where the helper listens unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/tornado-helper/helper.sock";
/// Environment variable that names another socket.
pub const SOCKET_VARIABLE: &str = "TORNADO_HELPER_SOCKET";

/// The socket by environment or default.
#[must_use]
pub fn socket_path() -> PathBuf {
    std::env::var_os(SOCKET_VARIABLE).filter(|v| !v.is_empty()).map_or_else(|| DEFAULT_SOCKET.into(), PathBuf::from)
}

/// Routes of the contract.
mod path {
    pub const ENROLL: &str = "/v1/enroll";
    pub const LOGIN: &str = "/v1/login";
    pub const CONNECT: &str = "/v1/connect";
    pub const LANE: &str = "/v1/lane";
    pub const TOR: &str = "/v1/tor";
    pub const TOR_EXIT: &str = "/v1/tor/exit";
    pub const USAGE: &str = "/v1/usage";
    pub const SESSIONS: &str = "/v1/sessions";
    pub const DEVICES: &str = "/v1/devices";
    pub const EXPORT: &str = "/v1/export";
    pub const NEW_IDENTITY: &str = "/v1/new-identity";
    pub const DISCONNECT: &str = "/v1/disconnect";
    pub const LOGOUT: &str = "/v1/logout";
    pub const STATUS: &str = "/v1/status";
    pub const EVENTS: &str = "/v1/status/stream";
}
