//! Migrates a SQLite file.

use super::{Applied, Plan, applied, apply, copies, explain, plan};
use crate::StoreError;
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, Row as _};
use std::path::{Path, PathBuf};

/// Migrates the database at `path`, which `db` has open. An existing database is copied first.
pub(crate) async fn migrate(db: &mut AnyConnection, path: &Path, wanted: &Migrator) -> Result<(), StoreError> {
    const BEGIN: &str = "BEGIN IMMEDIATE";
    match plan(&record(db, wanted).await?, wanted)? {
        Plan::Create => apply(db, BEGIN, wanted).await,
        Plan::Current => Ok(()),
        Plan::Migrate { from, to } => {
            let copy = copies::take(db, path, from).await?;
            let migrated = apply(db, BEGIN, wanted).await;
            migrated.map_err(|error| explain(error, from, to, &copy.display().to_string()))
        }
    }
}

async fn record(db: &mut AnyConnection, wanted: &Migrator) -> Result<Applied, StoreError> {
    let row = sqlx::query("SELECT COUNT(*) AS found FROM sqlite_master WHERE type = 'table' AND name = $1")
        .bind(wanted.table_name.to_string())
        .fetch_one(&mut *db)
        .await?;
    match row.try_get("found")? {
        0_i64 => Ok(Applied::new()),
        _ => Ok(applied(db, &wanted.table_name).await?),
    }
}

/// Returns the copy of the database at `path` that has the schema of `wanted`, if a newer version of this program has
/// migrated the database. `None` if the database is not newer.
pub(crate) async fn former(
    db: &mut AnyConnection,
    path: &Path,
    wanted: &Migrator,
) -> Result<Option<PathBuf>, StoreError> {
    match plan(&record(db, wanted).await?, wanted) {
        Err(StoreError::SchemaNewer { found, known }) => {
            let copy = copies::named(path, known);
            if copy.is_file() {
                return Ok(Some(copy));
            }
            Err(StoreError::NoCopy { database: path.display().to_string(), found, known })
        }
        other => other.map(|_| None),
    }
}
