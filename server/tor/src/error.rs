//! Errors that end the service.

use std::io;
use std::path::PathBuf;
use tornado_runtime::{ContextError, TaskError};

/// Failures of service `tor` as a whole. A failure of the Tor process is not one of them: it is retried without limit.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is invalid.
    #[error("invalid configuration of Tor: {0}")]
    Config(String),
    /// A file or directory of the state directory is not usable.
    #[error("cannot use {path}: {source}")]
    File {
        /// Path of the file or directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("cannot start the thread '{name}': {source}")]
    Thread {
        /// Name of the thread.
        name: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A task ended early.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The service's socket could not be set up.
    #[error(transparent)]
    Context(#[from] ContextError),
}
