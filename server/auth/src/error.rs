//! Why the service could not start.

use crate::config::ConfigError;
use crate::keys::KeysError;
use crate::password::HashError;
use std::path::PathBuf;
use tornado_runtime::{ContextError, TaskError};
use tornado_store::StoreError;

/// The service did not start or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting was refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A task ended early.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The key directory cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// There are accounts but no keys.
    #[error(
        "the key directory {0} is missing although the database holds accounts; \
         restore it from a backup, or remove the database too to start anew"
    )]
    KeysLost(PathBuf),
    /// There are keys but no database.
    #[error(
        "the database {0} is missing although keys were made; \
         restore it from a backup, or remove the key directory too to start anew"
    )]
    DatabaseLost(PathBuf),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The cost of password hashes cannot be met.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The socket cannot be served.
    #[error(transparent)]
    Context(#[from] ContextError),
}
