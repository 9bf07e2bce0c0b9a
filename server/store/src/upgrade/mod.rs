//! Brings a database to this version's schema: refuses a newer one, keeps a copy of an older one, then applies all
//! pending migrations in one transaction.

pub(crate) mod copies;
pub(crate) mod postgres;
pub(crate) mod sqlite;
#[cfg(test)]
mod tests;

use crate::StoreError;
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _};
use std::collections::HashMap;

/// Number of copies that are kept of each database.
const KEPT: usize = 2;

/// Versions and checksums of the migrations that a database has applied.
pub(crate) type Applied = HashMap<i64, Vec<u8>>;

/// What a database needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// It has no tables.
    Create,
    /// Nothing.
    Current,
    /// Migrations between two versions.
    Migrate { from: i64, to: i64 },
}

/// Reads the record of migrations in `table`, which must exist.
pub(crate) async fn applied(db: &mut AnyConnection, table: &str) -> Result<Applied, sqlx::Error> {
    let query = format!("SELECT version, checksum FROM {table} WHERE success ORDER BY version");
    let rows = sqlx::query(AssertSqlSafe(query)).fetch_all(db).await?;
    rows.iter().map(|row| Ok((row.try_get("version")?, row.try_get("checksum")?))).collect()
}

/// Compares the record of a database with this version's migrations. Returns the first one that is missing.
///
/// # Errors
/// When a newer or another version of this program has migrated the database.
pub(crate) fn compare(applied: &Applied, wanted: &Migrator) -> Result<Option<i64>, StoreError> {
    let known = newest(wanted);
    if let Some(found) = applied.keys().copied().max().filter(|found| *found > known) {
        return Err(StoreError::SchemaNewer { found, known });
    }
    let is_ours = |version: &i64, checksum: &[u8]| {
        wanted.iter().any(|migration| migration.version == *version && *migration.checksum == *checksum)
    };
    if let Some((version, _)) = applied.iter().find(|(version, checksum)| !is_ours(version, checksum)) {
        return Err(StoreError::SchemaForeign(*version));
    }
    Ok(wanted.iter().map(|migration| migration.version).find(|version| !applied.contains_key(version)))
}

fn plan(applied: &Applied, wanted: &Migrator) -> Result<Plan, StoreError> {
    let missing = compare(applied, wanted)?;
    Ok(match (applied.keys().copied().max(), missing) {
        (None, _) => Plan::Create,
        (Some(_), None) => Plan::Current,
        (Some(from), Some(_)) => Plan::Migrate { from, to: newest(wanted) },
    })
}

fn newest(wanted: &Migrator) -> i64 {
    wanted.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// Applies the pending migrations, or none of them. Each runs in a savepoint of one transaction.
async fn apply(db: &mut AnyConnection, begin: &'static str, wanted: &Migrator) -> Result<(), StoreError> {
    let mut transaction = db.begin_with(begin).await?;
    let applied = wanted.run_direct(None, &mut *transaction, false).await;
    match applied {
        Ok(()) => Ok(transaction.commit().await?),
        Err(error) => {
            transaction.rollback().await?;
            Err(error.into())
        }
    }
}

/// Adds the versions and the name of the copy to the error of a migration.
fn explain(error: StoreError, from: i64, to: i64, copy: &str) -> StoreError {
    StoreError::MigrationFailed { from, to, copy: copy.to_owned(), source: Box::new(error) }
}
