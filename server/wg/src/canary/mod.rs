//! The leak canary: tests at intervals, on the running server, that no packet leaves the host from the tor lane.
//!
//! Each round does a handshake with the lane as a device does, sends crafted packets through the tunnel and checks
//! whether one of them was about to leave. The alarm is raised if one was, if the canary's own table was changed, or if
//! the canary did not see its own packets while the lane was up. The alarm closes the lane and reloads the policy. The
//! lane returns to its desired state after the rules were verified and a round was clean.

mod device;
mod packets;
mod table;
mod watch;

pub(crate) use device::CanaryDevice;
pub(crate) use table::CanaryTable;
#[cfg(feature = "fuzzing")]
pub(crate) use table::take_counts;
pub(crate) use watch::CanaryWatch;
