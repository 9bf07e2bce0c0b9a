//! Errors of the key directory.

use std::path::PathBuf;
use tornado_contracts::auth::AuthError;
use tornado_rpc::Fault;

/// The key directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file or directory cannot be read or written.
    #[error("cannot use the key file {path}: {source}")]
    File {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The file's content is not what this program wrote.
    #[error("the key file {path} is damaged: {reason}; nothing was changed, restore it from a backup")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Description of the damage.
        reason: String,
    },
    /// Other users can read the file or directory.
    #[error(
        "{0} is accessible to other users; set mode 0700 (directory) or 0600 (file) and treat the keys as compromised"
    )]
    Exposed(PathBuf),
    /// The directory exists, but a file is missing.
    #[error("the key directory lacks {0}; nothing was changed, restore it from a backup")]
    Missing(&'static str),
}

/// The caller gets no detail; the log has it.
impl From<KeysError> for AuthError {
    fn from(error: KeysError) -> Self {
        tracing::error!(%error, "key directory failed");
        Self::Fault(Fault::Unavailable("cannot use the key directory; see the log".into()))
    }
}
