//! The seam to the operating system.

pub mod fake;
#[cfg(target_os = "linux")]
pub mod linux;

use crate::plan::{Backend, Link, Observation, Slot};
use crate::policy::Routing;
use async_trait::async_trait;
use std::time::Duration;

/// The system refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{doing}: {cause}")]
pub struct OsError {
    /// What was being done.
    pub doing: String,
    /// What the system said.
    pub cause: String,
}

impl OsError {
    pub(crate) fn new(doing: impl Into<String>, cause: impl std::fmt::Display) -> Self {
        Self { doing: doing.into(), cause: cause.to_string() }
    }
}

/// What another program did to what holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disturbance {
    /// What it changed, and what was put back.
    pub put_back: Vec<&'static str>,
    /// Preferences of its routing rules that are now consulted before ours. They stay; the firewall decides.
    pub ahead: Vec<u32>,
}

impl Disturbance {
    /// Nothing was disturbed.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.put_back.is_empty() && self.ahead.is_empty()
    }
}

impl std::fmt::Display for Disturbance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.put_back.is_empty() {
            write!(f, "another program changed {} of the tunnel, which was put back", self.put_back.join(" and "))?;
        }
        for (n, preference) in self.ahead.iter().enumerate() {
            let separator = if n > 0 || !self.put_back.is_empty() { "; " } else { "" };
            write!(
                f,
                "{separator}another program's routing rule {preference} is consulted before the tunnel's, and what it \
                 leads past the tunnel is refused"
            )?;
        }
        Ok(())
    }
}

/// Executes what the state machine decides. Every method is idempotent.
#[async_trait]
pub trait Os: Send {
    /// Longest time for one call. Netlink answers within milliseconds.
    fn longest(&self) -> Duration {
        Duration::from_secs(10)
    }
    /// Makes an interface with its addresses and its peer, and starts a handshake. Routes nothing into it.
    async fn up(&mut self, link: &Link) -> Result<Backend, OsError>;
    /// Makes rules, routes and the firewall of ours exactly these.
    async fn route(&mut self, routing: &Routing) -> Result<(), OsError>;
    /// Takes an interface away.
    async fn remove(&mut self, slot: Slot) -> Result<(), OsError>;
    /// What an interface says of itself; an error when it is gone.
    async fn observe(&mut self, slot: Slot) -> Result<Observation, OsError>;
    /// Waits until something changed that may concern what [`route`](Self::route) and [`up`](Self::up) made. Cancel safe.
    async fn changed(&mut self);
    /// Makes it again what it should be. Returns what was otherwise.
    async fn restore(&mut self) -> Result<Disturbance, OsError>;
    /// Takes away every rule, route and interface of ours, also of an earlier life.
    async fn tear_down(&mut self) -> Result<(), OsError>;
}
