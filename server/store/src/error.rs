//! What can go wrong with durable state.

use std::path::PathBuf;

/// A failure of the store itself. Outcomes that a caller decides on (a name is taken, an invitation is
/// used) are values of the methods, not errors.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database file cannot be made or opened.
    #[error("cannot open the database file {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A password or certificate.
    #[error("cannot use the file {path}: {source}")]
    Input {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A path that cannot be written as a URL.
    #[error("the path {0} of the database is not valid UTF-8")]
    Path(PathBuf),
    /// The schema cannot be brought up to date, or belongs to a newer version of this program.
    #[error("the database schema cannot be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A PostgreSQL database without our tables.
    #[error("the database has no tables yet: run `tornadod migrate schema` as its owner")]
    SchemaMissing,
    /// A PostgreSQL database of an older version of this program.
    #[error("the database lacks migration {0}: run `tornadod migrate schema` as its owner")]
    SchemaOld(i64),
    /// The certificate of a server is not that of whom we want to speak to, or it has none.
    #[error("the database server cannot be trusted (sslmode, sslrootcert in [store] url): {0}")]
    Untrusted(String),
    /// The server does not know the role, its password, or lets it in from elsewhere only.
    #[error("the database does not let the role '{role}' in: {said}")]
    NotLetIn {
        /// As whom.
        role: String,
        /// The server's words.
        said: String,
    },
    /// The engine did not answer in time; what was asked may or may not have been done.
    #[error("the database did not answer in time")]
    Late,
    /// The engine refused or failed.
    #[error("the database failed: {0}")]
    Engine(#[from] sqlx::Error),
    /// The disk failed before, and what was written since could not be brought into safety yet.
    #[error("the disk failed, and what was written could not be made safe yet")]
    Unsafe,
    /// What the caller verified before this write no longer holds; nothing was written.
    #[error("{0} changed before the write")]
    Lapsed(Verified),
    /// A stored value is not what this program wrote.
    #[error("the database holds an unreadable value in {0}")]
    Damaged(&'static str),
}

/// What a caller verifies before a slow step, such as the hash of a password, and what must still hold in the transaction
/// that builds on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Verified {
    /// An account's or operator's password or second factor.
    #[error("the password or second factor")]
    Credentials,
    /// An operator's sign-in or role.
    #[error("the operator's sign-in or role")]
    SignIn,
    /// A device's login.
    #[error("the device's login")]
    Login,
}

impl StoreError {
    /// True when the engine ended one of two transactions that stood in each other's way: doing it again is right.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        match self {
            // serialization_failure, deadlock_detected (PostgreSQL manual, appendix A).
            Self::Engine(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| matches!(code.as_ref(), "40001" | "40P01"))
            }
            Self::File { .. }
            | Self::Input { .. }
            | Self::Path(_)
            | Self::Migration(_)
            | Self::SchemaMissing
            | Self::SchemaOld(_)
            | Self::Untrusted(_)
            | Self::NotLetIn { .. }
            | Self::Late
            | Self::Unsafe
            | Self::Lapsed(_)
            | Self::Engine(_)
            | Self::Damaged(_) => false,
        }
    }

    /// True when a stored value is unreadable: other rows may be well.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_))
    }

    /// True when a `UNIQUE` or primary key constraint decided against the statement.
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Engine(sqlx::Error::Database(error)) if error.is_unique_violation())
    }
}
