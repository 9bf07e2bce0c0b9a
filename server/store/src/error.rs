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
    /// A migration failed.
    #[error("cannot update the database schema: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A migration of an existing database failed. All its changes were rolled back.
    #[error(
        "cannot migrate the database from schema {from} to {to}: {source}; the database is unchanged; install the \
         former version and report this error (a copy from before the migration is {copy})"
    )]
    MigrationFailed {
        /// Schema of the database.
        from: i64,
        /// Schema of this program.
        to: i64,
        /// Where the copy is: a path, or the name of a schema.
        copy: String,
        /// Cause.
        #[source]
        source: Box<StoreError>,
    },
    /// The database cannot be copied. It was not migrated.
    #[error(
        "cannot copy the database to {copy} before its migration: {source}; the database is unchanged; check that its \
         disk has room for the copy"
    )]
    CopyFailed {
        /// Path or schema of the copy.
        copy: String,
        /// Cause.
        #[source]
        source: Box<StoreError>,
    },
    /// A newer version of this program has migrated the database.
    #[error(
        "the database has schema {found}, but this version of tornadod supports schemas up to {known}; install the \
         version that migrated it, or return to the copy from before that migration with `tornadod migrate undo`"
    )]
    SchemaNewer {
        /// Schema of the database.
        found: i64,
        /// Newest schema that this program supports.
        known: i64,
    },
    /// A database has no copy from before its migration.
    #[error(
        "{database} has schema {found}, and no copy of it with schema {known} exists; install the version that \
         migrated it, or restore a backup"
    )]
    NoCopy {
        /// Path of the file, or name of the schema.
        database: String,
        /// Schema of the database.
        found: i64,
        /// Newest schema that this program supports.
        known: i64,
    },
    /// A migration in the database is not the one of this program.
    #[error(
        "migration {0} of the database is not the one of this version of tornadod; install the version that created \
         the database"
    )]
    SchemaForeign(i64),
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
