//! What can fail.

use std::path::PathBuf;
use tornado_runtime::ContextError;

/// Errors of service `dns`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot work.
    #[error("{0}")]
    Config(String),
    /// The own socket cannot be served.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The trust anchors cannot be read.
    #[error("cannot read the trust anchors in {path}: {detail}")]
    Anchors {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        detail: String,
    },
    /// The library refused its configuration.
    #[error("the resolver cannot be made: {0}")]
    Resolver(String),
    /// A listener ended that should not.
    #[error("a listener ended: {0}")]
    Listener(String),
}
