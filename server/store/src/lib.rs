//! Durable state: the only crate with SQL in it.
//!
//! Each owner of data has a module with a trait, one implementation over [`Database`] and a conformance
//! suite that any other engine runs unchanged. Queries are one portable text each, run by `sqlx::Any`
//! with `$1` placeholders; only the migrations differ between engines. Times are Unix seconds, identifiers
//! UUIDs in lower-case text. Races are decided by constraints and conditional updates, never by a
//! read before a write; where an engine lets writers run side by side, a row is locked first.

mod db;
mod error;
mod flush;
pub mod identity;
#[cfg(test)]
mod landed;
mod original;
mod postgres;
#[cfg(test)]
mod postgres_tests;
mod postgres_url;
#[cfg(test)]
mod roles;
pub mod sessions;
mod snapshot;
mod transfer;

pub use db::{Database, Engine, Write};
pub use error::{StoreError, Verified};
pub use original::{OriginalUser, original_users};
pub use postgres::{PostgresLogin, probe_postgres, read_secret};
pub use postgres_url::{PostgresUrl, PostgresUrlError};
pub use snapshot::{KnownSchema, check_sqlite, is_newer_sqlite, snapshot_sqlite};
pub use transfer::{Moved, SqliteFiles, TransferError, to_postgres, to_sqlite};

/// SQL integers are signed; an amount of 8 EiB stays at the largest number.
pub(crate) fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
