//! Contract between the privileged helper and the programs of the user: the `tornado` command and the desktop app.
//!
//! The methods are one list for [`tornado_rpc::contract!`]; errors are `application/problem+json` (RFC 9457) that carry
//! [`HelperError`]. So `curl --unix-socket /run/tornado-helper/helper.sock
//! http://helper/v1/status` is the debugger. The contract is narrow on purpose: it moves no paths, no commands and
//! no routes, so the worst a caller can ask for is the user's own tunnel.

mod access;
mod contract;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod model;
mod serve;

pub use access::{Access, HelperCaller};
pub use contract::{Helper, HelperClient};
pub use error::HelperError;
pub use model::{
    Backend, Choice, Chosen, Connect, ControlPlane, Devices, Enroll, Export, Exported, Login, Notice, RemoveDevice,
    Status, SwitchLane, TunnelState,
};
pub use serve::serve;
pub use tornado_rpc::{NoInput, ServiceError};
pub use tornado_shared::api::{ChooseExit, SessionsQuery};

use std::path::PathBuf;
use tornado_rpc::Channel;

/// Largest reply that a client accepts, bytes.
const MAX_REPLY: usize = 256 * 1024;

/// Where the helper listens unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/tornado-helper/helper.sock";
/// Environment variable that names another socket.
pub const SOCKET_VARIABLE: &str = "TORNADO_HELPER_SOCKET";

/// The socket by environment or default.
#[must_use]
pub fn socket_path() -> PathBuf {
    std::env::var_os(SOCKET_VARIABLE).filter(|v| !v.is_empty()).map_or_else(|| DEFAULT_SOCKET.into(), PathBuf::from)
}

/// A client of the helper that listens on `socket`. Nothing is opened before the first call.
#[must_use]
pub fn client(socket: impl Into<PathBuf>) -> HelperClient {
    HelperClient::new(Channel::new(socket).with_max_reply(MAX_REPLY))
}
