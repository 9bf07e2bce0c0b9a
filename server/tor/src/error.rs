//! Why the service could not start.

use std::io;
use std::path::PathBuf;
use tornado_runtime::{ContextError, TaskError};

/// Failures of service `tor` as a whole. That Tor fails is none of them: it is tried again for ever.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration makes no sense.
    #[error("the configuration of Tor is refused: {0}")]
    Config(String),
    /// A file of the state directory.
    #[error("cannot use {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("cannot start the thread '{name}': {source}")]
    Thread {
        /// Its name.
        name: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A task ended early.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The service's socket.
    #[error(transparent)]
    Context(#[from] ContextError),
}
