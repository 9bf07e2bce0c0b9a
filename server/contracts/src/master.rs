//! Contract of `master`: the process table.

use crate::ServiceName;
use serde::{Deserialize, Serialize};
use tornado_rpc::{Fault, NoInput};
use tornado_shared::model::UnixSeconds;

/// Name of the supervisor's socket. The supervisor is not a [`ServiceName`]: it cannot be started or stopped by itself.
pub const SOCKET: &str = "master";

/// What an operator asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// It should run.
    Running,
    /// It should not.
    Stopped,
}

/// What is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Actual {
    /// Not started, or stopped as wanted.
    Stopped,
    /// Waits for the services it depends on.
    Waiting {
        /// What is missing.
        reason: String,
    },
    /// Runs, but does not answer as ready yet.
    Starting {
        /// What it says.
        reason: String,
    },
    /// Answers as ready.
    Ready,
    /// Was ready and says now that it cannot work.
    Degraded {
        /// What it says.
        reason: String,
    },
    /// Ended; starts again after a pause.
    BackingOff {
        /// How it ended.
        reason: String,
        /// Milliseconds until the next start.
        retry_in_ms: u64,
    },
    /// Ended too often in a short time; only `start` or `restart` tries again.
    CrashLoop {
        /// How it ended.
        reason: String,
    },
    /// Was told to stop and has not ended yet.
    Stopping,
}

/// One service's line in `tornadod status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Which.
    pub name: ServiceName,
    /// Wanted state.
    pub wanted: Wanted,
    /// Actual state.
    #[serde(flatten)]
    pub actual: Actual,
    /// Process id while it runs.
    pub pid: Option<u32>,
    /// When this process was started.
    pub started_at: Option<UnixSeconds>,
    /// Starts after the first since `master` began.
    pub restarts: u32,
    /// Resident memory in bytes while it runs.
    pub memory_bytes: Option<u64>,
}

/// The whole server at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterStatus {
    /// Version of the program.
    pub version: String,
    /// When `master` was started.
    pub started_at: UnixSeconds,
    /// True when every service that is wanted is ready.
    pub ready: bool,
    /// One line a service, in starting order.
    pub services: Vec<ServiceStatus>,
}

/// Input of [`Master::control`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// Which; `None` means all.
    #[serde(default)]
    pub service: Option<ServiceName>,
    /// What to do.
    pub action: Action,
}

/// What an operator can ask of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Should run; also ends a crash loop.
    Start,
    /// Should not run.
    Stop,
    /// Ends the process and starts another.
    Restart,
}

tornado_rpc::contract! {
    /// The supervisor.
    trait Master, client MasterClient, error Fault, callers ServiceName {
        /// Wanted and actual state of every service.
        status(NoInput) -> MasterStatus = GET "/v1/status", within 15, up to 0, for [Admin];
        /// Sets the wanted state; returns at once, the state follows.
        control(Control) -> MasterStatus = POST "/v1/control", within 15, up to 4_096, for [];
    }
}
