//! Durable state. The only crate that contains SQL.
//!
//! Each owner of data has a module with a trait, one implementation on [`Database`], and conformance checks that every
//! engine runs unchanged. Each query is one portable text with `$1` placeholders, run by `sqlx::Any`; only the
//! migrations differ between engines. Times are Unix seconds, ids are UUIDs in lower-case text. Constraints and
//! conditional updates decide races, never a read before a write. On engines with concurrent writers, a row is locked
//! first.

#![forbid(unsafe_code)]

mod db;
mod error;
mod flush;
pub mod identity;
#[cfg(test)]
mod landed;
mod migrations;
mod original;
mod postgres;
#[cfg(test)]
mod postgres_tests;
mod postgres_url;
#[cfg(test)]
mod roles;
pub mod sessions;
mod snapshot;
mod statement;
mod transfer;
mod upgrade;

pub use db::{Database, Engine, Write};
pub use error::{StoreError, Verified};
pub use original::{OriginalUser, original_users};
pub use postgres::{PostgresLogin, probe_postgres, read_secret};
pub use postgres_url::{PostgresUrl, PostgresUrlError};
pub use snapshot::{KnownSchema, check_sqlite, former_sqlite, is_newer_sqlite, snapshot_sqlite};
pub use transfer::{Moved, SqliteFiles, TransferError, to_postgres, to_sqlite, undo_postgres};
