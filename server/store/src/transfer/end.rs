//! Source and target of a transfer, and why it fails.

use crate::StoreError;
use sqlx::AnyConnection;
use std::path::PathBuf;

/// Why nothing was transferred.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The source or the target failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The target contains rows, which would be mixed with the transferred ones.
    #[error("cannot transfer: table {0} of the target is not empty")]
    NotEmpty(String),
    /// A file to be created already exists.
    #[error("file {0} already exists; move it away")]
    Exists(PathBuf),
    /// Services have connections to the database.
    #[error("services have {0} open connections; stop the server on every gateway that uses this database")]
    InUse(i64),
    /// An embedded server supports only one gateway.
    #[error("gateway '{0}' has sessions, but an embedded server supports only one gateway; disconnect them first")]
    OtherGateway(String),
    /// The rows read back differ from those sent.
    #[error("table {table} differs after the transfer: {sent} rows sent, {arrived} rows read back")]
    Differs {
        /// Name of the table with its schema.
        table: String,
        /// Number of rows read from the source.
        sent: u64,
        /// Number of rows read back from the target.
        arrived: u64,
    },
    /// A column has a type that is not supported.
    #[error("cannot transfer column {0}: its type is not supported")]
    Column(String),
}

impl From<sqlx::Error> for TransferError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Source or target of a transfer. Table names include the schema on engines that have schemas.
pub(super) struct End<'c> {
    pub(super) db: &'c mut AnyConnection,
    pub(super) schema: Option<&'static str>,
}

impl End<'_> {
    pub(super) fn name(&self, table: &str) -> String {
        self.schema.map_or_else(|| table.to_owned(), |schema| format!("{schema}.{table}"))
    }
}
