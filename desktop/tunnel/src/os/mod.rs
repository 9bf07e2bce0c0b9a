//! The seam to the operating system.

pub mod fake;
#[cfg(target_os = "linux")]
pub mod linux;

use crate::plan::{Backend, Link, Observation, Slot};
use crate::policy::Routing;
use async_trait::async_trait;

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

/// Executes what the state machine decides. Every method is idempotent.
#[async_trait]
pub trait Os: Send {
    /// Makes an interface with its addresses and its peer, and starts a handshake. Routes nothing into it.
    async fn up(&mut self, link: &Link) -> Result<Backend, OsError>;
    /// Makes rules and routes of ours exactly these.
    async fn route(&mut self, routing: &Routing) -> Result<(), OsError>;
    /// Takes an interface away.
    async fn remove(&mut self, slot: Slot) -> Result<(), OsError>;
    /// What an interface says of itself; an error when it is gone.
    async fn observe(&mut self, slot: Slot) -> Result<Observation, OsError>;
    /// Takes away every rule, route and interface of ours, also of an earlier life.
    async fn tear_down(&mut self) -> Result<(), OsError>;
}
