//! Errors of the service itself, as opposed to its contract.

use crate::config::ConfigError;
use crate::keys::KeysError;
use crate::password::HashError;
use std::path::PathBuf;
use tornado_runtime::{ContextError, TaskError};
use tornado_store::StoreError;

/// The service failed to start or to stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting was rejected.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A task ended early.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The key directory cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Accounts exist but keys do not.
    #[error(
        "cannot start: the key directory {0} is missing, but the database holds accounts; \
         restore it from a backup, or also remove the database to start empty"
    )]
    KeysLost(PathBuf),
    /// Keys exist but the database does not.
    #[error(
        "cannot start: the database {0} is missing, but the key directory exists; \
         restore it from a backup, or also remove the key directory to start empty"
    )]
    DatabaseLost(PathBuf),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The configured password hash cost is not usable.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The socket cannot be served.
    #[error(transparent)]
    Context(#[from] ContextError),
}
