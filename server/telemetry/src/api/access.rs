//! Rights of operators.

use async_trait::async_trait;
use tornado_contracts::telemetry::TelemetryError;
use tornado_shared::model::Secret;

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Read logs and metrics.
    Read,
    /// Save and delete queries.
    Save,
    /// Delete logs. Only owners.
    Delete,
}

/// Decides about operators; in production, service `auth`.
#[async_trait]
pub trait Access: Send + Sync + 'static {
    /// Checks the operator's sign-in and role. Without a token, the caller is root.
    ///
    /// # Errors
    /// [`TelemetryError::SignedOut`] or [`TelemetryError::NotAllowed`].
    async fn check(&self, operator: Option<&Secret>, right: Right) -> Result<(), TelemetryError>;

    /// Records a deletion in the audit trail, before it happens.
    ///
    /// # Errors
    /// When the trail cannot be written; nothing is deleted then.
    async fn record_deletion(&self, operator: Option<Secret>, query: &str, lines: u64) -> Result<(), TelemetryError>;
}
