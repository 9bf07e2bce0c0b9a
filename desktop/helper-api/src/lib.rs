//! Contract between the privileged helper and the programs of the user: the `tornado` command and the desktop app.
//!
//! The methods are one list for [`tornado_rpc::contract!`]. Errors are `application/problem+json` (RFC 9457) and carry
//! a [`HelperError`]. For debugging, use `curl --unix-socket /run/tornado-helper/helper.sock http://helper/v1/status`.
//! On Windows the socket is a named pipe. The contract is narrow: requests carry no paths, commands or routes, so a
//! caller can change nothing but the user's own tunnel and account.

#![forbid(unsafe_code)]

mod access;
mod contract;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod model;
mod profile;
mod serve;
mod split;

pub use access::{Access, HelperCaller};
pub use contract::{Helper, HelperClient};
pub use error::HelperError;
pub use model::{
    Choice, Chosen, Connect, ControlPlane, Devices, Enroll, Export, Exported, Login, Notice, RemoveDevice, SetLockdown,
    Status, SwitchLane, TunnelState,
};
pub use profile::{AddProfile, NotProfileName, Profile, ProfileName, Profiles, SelectProfile};
pub use serve::serve;
pub use split::{MAX_NETWORKS, NotSplit, OpenPortal, Portal, Split};
pub use tornado_rpc::{NoInput, ServiceError};
pub use tornado_shared::api::{ChooseExit, FirstCode, PasswordAgain, RecoveryCodes, SessionsQuery, TotpOffer};
pub use tornado_shared::model::{Backend, LockdownMode, LockdownPolicy};

use std::path::PathBuf;
use tornado_rpc::Channel;

/// Maximum size of a response that a client accepts, bytes.
const MAX_REPLY: usize = 256 * 1024;

/// Default path of the helper's socket.
#[cfg(unix)]
pub const DEFAULT_SOCKET: &str = "/run/tornado-helper/helper.sock";
/// Default name of the helper's pipe.
#[cfg(windows)]
pub const DEFAULT_SOCKET: &str = r"\\.\pipe\tornado-helper";
/// Environment variable that overrides [`DEFAULT_SOCKET`].
pub const SOCKET_VARIABLE: &str = "TORNADO_HELPER_SOCKET";

/// The socket's path: the value of [`SOCKET_VARIABLE`] if it is not empty, otherwise [`DEFAULT_SOCKET`].
#[must_use]
pub fn socket_path() -> PathBuf {
    std::env::var_os(SOCKET_VARIABLE).filter(|v| !v.is_empty()).map_or_else(|| DEFAULT_SOCKET.into(), PathBuf::from)
}

/// Creates a client of the helper that listens on `socket`. It opens no connection before the first call.
#[must_use]
pub fn client(socket: impl Into<PathBuf>) -> HelperClient {
    HelperClient::new(Channel::new(socket).with_max_reply(MAX_REPLY))
}
