//! The interface to the operating system.

#[cfg(any(test, feature = "fake"))]
pub mod fake;
#[cfg(target_os = "linux")]
pub mod linux;
#[cfg(any(windows, test))]
pub mod windows;

use crate::plan::{Backend, Link, Observation, Slot};
use crate::policy::Routing;
use async_trait::async_trait;
use std::time::Duration;

/// An operation of the operating system failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot {doing}: {cause}")]
pub struct OsError {
    /// The operation, as an imperative: "add a routing rule".
    pub doing: String,
    /// The cause.
    pub cause: String,
}

impl OsError {
    pub(crate) fn new(doing: impl Into<String>, cause: impl std::fmt::Display) -> Self {
        Self { doing: doing.into(), cause: cause.to_string() }
    }
}

/// Interference of another program with the tunnel's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disturbance {
    /// What the program changed; all of it was restored.
    pub restored: Vec<&'static str>,
    /// Preferences of the program's routing rules that are now evaluated before ours. The rules stay; the firewall
    /// decides.
    pub ahead: Vec<u32>,
}

impl Disturbance {
    /// Returns true if nothing was changed.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.restored.is_empty() && self.ahead.is_empty()
    }
}

impl std::fmt::Display for Disturbance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.restored.is_empty() {
            write!(f, "another program changed {} of the tunnel; the helper restored it", self.restored.join(" and "))?;
        }
        for (n, preference) in self.ahead.iter().enumerate() {
            let separator = if n > 0 || !self.restored.is_empty() { "; " } else { "" };
            write!(
                f,
                "{separator}another program's routing rule {preference} is evaluated before the tunnel's; traffic that \
                 it routes past the tunnel is rejected"
            )?;
        }
        Ok(())
    }
}

/// Executes what the state machine decides. Every method is idempotent.
#[async_trait]
pub trait Os: Send {
    /// Maximum duration of one call. Netlink responds within milliseconds.
    fn call_timeout(&self) -> Duration {
        Duration::from_secs(10)
    }
    /// Creates an interface with its addresses and its peer, and starts a handshake. Routes no traffic into it.
    async fn up(&mut self, link: &Link) -> Result<Backend, OsError>;
    /// Sets our rules, routes and firewall to exactly this routing.
    async fn route(&mut self, routing: &Routing) -> Result<(), OsError>;
    /// Removes an interface.
    async fn remove(&mut self, slot: Slot) -> Result<(), OsError>;
    /// Reads state and counters of an interface. Fails if the interface does not exist.
    async fn observe(&mut self, slot: Slot) -> Result<Observation, OsError>;
    /// Waits for a change that may concern the configuration made by [`route`](Self::route) and [`up`](Self::up).
    /// Cancel safe.
    async fn changed(&mut self);
    /// Restores the configuration. Returns what had changed.
    async fn restore(&mut self) -> Result<Disturbance, OsError>;
    /// Removes all our rules, routes and interfaces, including those of an earlier process.
    async fn tear_down(&mut self) -> Result<(), OsError>;
}
