//! Errors of durable state.

use std::path::PathBuf;

/// A failure of the store itself. Outcomes that callers decide on (a name is taken, an invitation is used) are return
/// values, not errors.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database file cannot be created or opened.
    #[error("cannot open the database file {path}: {source}")]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// A password or certificate file cannot be used.
    #[error("cannot use the file {path}: {source}")]
    Input {
        /// Path of the file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The path of a database is not valid UTF-8 and cannot be part of a URL.
    #[error("cannot open the database {0}: the path is not valid UTF-8")]
    Path(PathBuf),
    /// The schema cannot be migrated, or belongs to a newer version of this program.
    #[error("cannot update the database schema: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The PostgreSQL database does not contain our tables.
    #[error("the database has no tables; run `tornadod migrate schema` as its owner")]
    SchemaMissing,
    /// The PostgreSQL database lacks a migration.
    #[error("the database lacks migration {0}; run `tornadod migrate schema` as its owner")]
    SchemaOld(i64),
    /// The server's certificate is not valid for it, or the server does not support TLS.
    #[error("cannot verify the database server: {0}; check sslmode and sslrootcert in [store] url")]
    Untrusted(String),
    /// The server rejects the role: it does not exist, its password is wrong, or it may not connect from here.
    #[error("the database rejected role '{role}': {said}")]
    NotLetIn {
        /// Role of the connection attempt.
        role: String,
        /// Message of the server.
        said: String,
    },
    /// The engine did not respond in time. The operation may or may not have been performed.
    #[error("the database did not respond in time")]
    Late,
    /// The engine failed, or rejected a statement.
    #[error("the database failed: {0}")]
    Engine(#[from] sqlx::Error),
    /// The disk failed earlier, and the writes since then are not durable yet.
    #[error("the disk failed: earlier writes may not survive a loss of power")]
    Unsafe,
    /// A precondition that the caller had verified no longer holds; nothing was written.
    #[error("{0} changed before the write")]
    Lapsed(Verified),
    /// A stored value is not valid.
    #[error("the database contains an unreadable value in {0}")]
    Damaged(&'static str),
}

/// A precondition that a caller verifies before a slow step, such as a password hash. It must still hold in the
/// transaction that depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Verified {
    /// Password or second factor of an account or operator.
    #[error("the password or second factor")]
    Credentials,
    /// An operator's sign-in or role.
    #[error("the operator's sign-in or role")]
    SignIn,
    /// An operator's API token or role.
    #[error("the API token or the operator's role")]
    ApiToken,
    /// A device's login.
    #[error("the device's login")]
    Login,
}

impl StoreError {
    /// True if the engine aborted this transaction in favour of a concurrent one. A retry is correct.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        // serialization_failure, deadlock_detected (PostgreSQL manual, appendix A).
        let is_conflict = |code: &str| matches!(code, "40001" | "40P01");
        matches!(self, Self::Engine(sqlx::Error::Database(error)) if error.code().is_some_and(|code| is_conflict(&code)))
    }

    /// True if a stored value is unreadable. Other rows may be intact.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_))
    }

    /// True if a `UNIQUE` or primary key constraint rejected the statement.
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Engine(sqlx::Error::Database(error)) if error.is_unique_violation())
    }
}
