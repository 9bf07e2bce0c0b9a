//! What can go wrong with a server for tests.

use std::path::PathBuf;

/// Why a server could not be started or used.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The machine does not have it.
    #[error("{0} is not installed; `cargo xtask install` brings it")]
    Missing(&'static str),
    /// A file or directory.
    #[error("cannot {what} {path}: {source}")]
    File {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A program could not be started or signalled.
    #[error("{what}: {source}")]
    Process {
        /// What was tried.
        what: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A program said no.
    #[error("{what} failed: {said}")]
    Refused {
        /// Which.
        what: String,
        /// Its last words.
        said: String,
    },
}
