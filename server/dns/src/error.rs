//! Errors of the service.

use std::path::PathBuf;
use tornado_runtime::ContextError;

/// Reasons for which service `dns` cannot start or has to stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is invalid.
    #[error("{0}")]
    Config(String),
    /// The service's socket could not be opened.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The trust anchors could not be read.
    #[error("cannot read the trust anchors in {path}: {detail}")]
    Anchors {
        /// The file.
        path: PathBuf,
        /// The library's error.
        detail: String,
    },
    /// The library rejected its configuration.
    #[error("cannot configure the resolver: {0}")]
    Resolver(String),
    /// A listener ended unexpectedly.
    #[error("a listener ended: {0}")]
    Listener(String),
}
