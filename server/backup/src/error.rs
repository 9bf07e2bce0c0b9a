//! Errors of reading and writing backups.

/// A backup cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The underlying file failed.
    #[error("cannot read or write the file: {0}")]
    Io(#[from] std::io::Error),
    /// The file has another format.
    #[error("this is not a backup of Tornado VPN")]
    NotABackup,
    /// The file is from a newer version of the program.
    #[error("cannot read backup format {0}; use a newer version of the program")]
    Version(u8),
    /// The backup is not sealed, so a passphrase cannot authenticate it.
    #[error("this backup is not sealed: its origin and integrity cannot be verified")]
    NotSealed,
    /// The backup is sealed, but an unsealed one was expected.
    #[error("this backup is sealed")]
    Sealed,
    /// The passphrase could not be obtained.
    #[error("{0}")]
    Passphrase(String),
    /// The backup contains values that this program never writes.
    #[error("the backup is damaged: {0}")]
    Damaged(&'static str),
    /// The checksum of a file does not match.
    #[error("the backup is damaged: the checksum of {0} does not match")]
    Checksum(String),
    /// A chunk was altered or sealed with another passphrase.
    #[error("the passphrase is wrong or the backup is damaged")]
    Unsealing,
    /// The backup contains a file name that is not allowed.
    #[error("the backup is damaged: {0}")]
    Path(#[from] PathError),
    /// Argon2 failed.
    #[error("cannot derive a key from the passphrase: {0}")]
    Key(String),
    /// A source file changed during the write.
    #[error("{0} changed during the backup")]
    Changed(String),
}

impl Error {
    /// Restores the original error after it passed through [`std::io::Read`].
    pub(crate) fn from_io(error: std::io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Self::Damaged("unexpected end of file"),
            Err(error) => Self::Io(error),
        }
    }
}

/// A path that is not allowed in a backup.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a path is not allowed")]
pub struct PathError;
