//! What can be wrong with a backup.

use crate::manifest::PathError;

/// Why a backup cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file beneath.
    #[error("the file cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    /// Something else.
    #[error("this is no backup of Tornado VPN")]
    NotABackup,
    /// Of a later program.
    #[error("this backup has format {0}, which this program does not know; use a newer one")]
    Version(u8),
    /// A passphrase proves nothing about it.
    #[error("this backup is not sealed, so anyone could have made or changed it")]
    NotSealed,
    /// It was expected not to be.
    #[error("this backup is sealed")]
    Sealed,
    /// The passphrase could not be obtained.
    #[error("{0}")]
    Passphrase(String),
    /// Values no backup of ours has.
    #[error("the backup is damaged: {0}")]
    Damaged(&'static str),
    /// A file's checksum.
    #[error("the backup is damaged: the checksum of {0} does not match")]
    Checksum(String),
    /// A chunk was not sealed with this passphrase, or was changed.
    #[error("the passphrase is wrong or the backup is damaged")]
    Unsealing,
    /// A name that may not stand in a backup.
    #[error("the backup is damaged: {0}")]
    Path(#[from] PathError),
    /// Argon2 refused.
    #[error("no key can be made of the passphrase: {0}")]
    Key(String),
    /// A source that grew or shrank.
    #[error("{0} changed while it was saved")]
    Changed(String),
}

impl Error {
    /// An error that went through [`std::io::Read`] comes back as what it was.
    pub(crate) fn from_io(error: std::io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Self::Damaged("it ends too early"),
            Err(error) => Self::Io(error),
        }
    }
}
