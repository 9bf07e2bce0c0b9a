//! Contract of `master`: the process table.

use crate::ServiceName;
use serde::{Deserialize, Serialize};
use tornado_rpc::{Fault, NoInput};
use tornado_shared::model::UnixSeconds;

/// Name of the supervisor's socket. The supervisor is not a [`ServiceName`]: it cannot be started or stopped
/// separately.
pub const SOCKET: &str = "master";

/// Desired state of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// The service should run.
    Running,
    /// The service should not run.
    Stopped,
}

/// Actual state of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Actual {
    /// Not started, or stopped as requested.
    Stopped,
    /// Waits for the services that it depends on.
    Waiting {
        /// The missing services.
        reason: String,
    },
    /// Runs, but is not ready yet.
    Starting {
        /// The reason that the service reports.
        reason: String,
    },
    /// Runs and is ready.
    Ready,
    /// Was ready and now reports that it cannot work.
    Degraded {
        /// The reason that the service reports.
        reason: String,
    },
    /// Exited; restarts after a pause.
    BackingOff {
        /// How the process exited.
        reason: String,
        /// Milliseconds until the next start.
        retry_in_ms: u64,
    },
    /// Exited too often in a short time. Only `start` or `restart` starts it again.
    CrashLoop {
        /// How the process exited.
        reason: String,
    },
    /// Received the stop request and has not exited yet.
    Stopping,
}

/// Status of one service, as shown by `tornadod status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// The service.
    pub name: ServiceName,
    /// Desired state.
    pub wanted: Wanted,
    /// Actual state.
    #[serde(flatten)]
    pub actual: Actual,
    /// Process id while it runs.
    pub pid: Option<u32>,
    /// Start time of the current process.
    pub started_at: Option<UnixSeconds>,
    /// Number of restarts since `master` started.
    pub restarts: u32,
    /// Resident memory in bytes while it runs.
    pub memory_bytes: Option<u64>,
}

/// Status of the whole server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterStatus {
    /// Program version.
    pub version: String,
    /// Start time of `master`.
    pub started_at: UnixSeconds,
    /// True when every service whose desired state is running is ready.
    pub ready: bool,
    /// Services, in start order.
    pub services: Vec<ServiceStatus>,
}

/// Input of [`Master::control`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// The service; `None`: all services.
    pub service: Option<ServiceName>,
    /// The action.
    pub action: Action,
}

/// Operator action on a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Sets the desired state to running; also ends a crash loop.
    Start,
    /// Sets the desired state to stopped.
    Stop,
    /// Stops the process and starts it again.
    Restart,
}

tornado_rpc::contract! {
    /// The supervisor.
    trait Master, client MasterClient, error Fault, callers ServiceName {
        /// Desired and actual state of every service.
        status(NoInput) -> MasterStatus = GET "/v1/status", within 15, up to 0, for [Admin];
        /// Sets the desired state and returns immediately; the actual state follows.
        control(Control) -> MasterStatus = POST "/v1/control", within 15, up to 4_096, for [];
    }
}
