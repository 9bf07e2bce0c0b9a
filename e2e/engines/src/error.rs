//! Errors of test servers.

use std::path::PathBuf;

/// Why a server could not be started or used.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The program is not installed.
    #[error("{0} is not installed; run `cargo xtask install`")]
    Missing(&'static str),
    /// A file or directory is not usable.
    #[error("cannot {what} {path}: {source}")]
    File {
        /// The operation.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A program could not be started or signalled.
    #[error("{what}: {source}")]
    Process {
        /// The operation.
        what: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A program failed.
    #[error("{what} failed: {said}")]
    Refused {
        /// The operation.
        what: String,
        /// The last output of the program.
        said: String,
    },
}
