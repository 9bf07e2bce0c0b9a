//! Copies SQLite files in use, and checks files of a backup.

use crate::db::sqlite_options;
use crate::upgrade::copies::copy_to;
use crate::{StoreError, migrations, upgrade};
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, Connection as _, Executor as _, Row as _};
use std::path::{Path, PathBuf};

/// Writes a consistent copy of the database at `from` to the new file `to` with mode 0600. Other connections may read
/// and write during the copy (`VACUUM INTO`, sqlite.org/lang_vacuum.html).
///
/// # Errors
/// When `from` is not a database, `to` exists, or the disk is full.
pub async fn snapshot_sqlite(from: &Path, to: &Path) -> Result<(), StoreError> {
    let taken = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
    if to.exists() {
        return Err(StoreError::File { path: to.to_owned(), source: taken });
    }
    let mut db = connect(from).await?;
    let copied = copy_to(&mut db, to).await;
    db.close().await?;
    copied
}

/// Reads the whole database at `path` and returns what is wrong with it; empty if it is intact.
///
/// # Errors
/// When the database cannot be opened.
pub async fn check_sqlite(path: &Path) -> Result<Vec<String>, StoreError> {
    let mut db = connect(path).await?;
    let rows = sqlx::query("PRAGMA integrity_check(10)").fetch_all(&mut db).await;
    db.close().await?;
    let words: Result<Vec<String>, sqlx::Error> = rows?.iter().map(|row| row.try_get(0)).collect();
    Ok(words?.into_iter().filter(|word| word != "ok").collect())
}

/// Our schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownSchema {
    /// Accounts, devices and operators; used by service `auth`.
    Identity,
    /// Sessions; used by service `session`.
    Sessions,
}

impl KnownSchema {
    /// Name of the schema in PostgreSQL.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Sessions => "session",
        }
    }

    /// PostgreSQL role of the service that uses it; see `installers/postgres/roles.sql`.
    pub(crate) const fn role(self) -> &'static str {
        match self {
            Self::Identity => "tornado_auth",
            Self::Sessions => "tornado_session",
        }
    }

    /// Name of the table that records its migrations.
    pub(crate) const fn record(self) -> &'static str {
        match self {
            Self::Identity => "identity_migrations",
            Self::Sessions => "_sqlx_migrations",
        }
    }

    /// Migrations for SQLite.
    pub(crate) fn sqlite(self) -> Migrator {
        self.named(match self {
            Self::Identity => migrations::migrator(migrations::IDENTITY_SQLITE),
            Self::Sessions => migrations::migrator(migrations::SESSIONS_SQLITE),
        })
    }

    /// Migrations for PostgreSQL.
    pub(crate) fn postgres(self) -> Migrator {
        self.named(match self {
            Self::Identity => migrations::migrator(migrations::IDENTITY_POSTGRES),
            Self::Sessions => migrations::migrator(migrations::SESSIONS_POSTGRES),
        })
    }

    fn named(self, mut migrations: Migrator) -> Migrator {
        migrations.dangerous_set_table_name(self.record());
        migrations
    }
}

/// True if a newer version of this program has migrated the database at `path`.
///
/// # Errors
/// When the database cannot be opened or has no record of migrations.
pub async fn is_newer_sqlite(path: &Path, schema: KnownSchema) -> Result<bool, StoreError> {
    let mut db = connect(path).await?;
    let query = format!("SELECT MAX(version) FROM {}", schema.record());
    let row = sqlx::query(sqlx::AssertSqlSafe(query)).fetch_one(&mut db).await;
    db.close().await?;
    let newest: Option<i64> = row?.try_get(0)?;
    Ok(newest > schema.sqlite().iter().map(|migration| migration.version).max())
}

/// Returns the copy of the database at `path` with the schema of this version, if a newer version of this program has
/// migrated the database.
///
/// # Errors
/// When the database cannot be opened, or has a newer schema and no such copy exists.
pub async fn former_sqlite(path: &Path, schema: KnownSchema) -> Result<Option<PathBuf>, StoreError> {
    let mut db = connect(path).await?;
    let found = upgrade::sqlite::former(&mut db, path, &schema.sqlite()).await;
    db.close().await?;
    found
}

pub(crate) async fn connect(path: &Path) -> Result<AnyConnection, StoreError> {
    let mut db = AnyConnection::connect_with(&sqlite_options(path)?).await?;
    db.execute(sqlx::raw_sql("PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF")).await?;
    Ok(db)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::SqlIdentityStore;
    use std::os::unix::fs::PermissionsExt as _;

    #[tokio::test]
    async fn a_copy_of_a_database_in_use_is_whole_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a b.db"), dir.path().join("copy's.db"));
        let store = SqlIdentityStore::open_sqlite(&from).await.unwrap();
        snapshot_sqlite(&from, &to).await.unwrap();
        assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(check_sqlite(&to).await.unwrap().is_empty());
        assert!(snapshot_sqlite(&from, &to).await.is_err(), "an existing file must not be overwritten");
        let copy = SqlIdentityStore::open_sqlite(&to).await.unwrap();
        assert!(copy.is_pristine().await.unwrap());
        store.close().await;
    }

    #[tokio::test]
    async fn damage_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        SqlIdentityStore::open_sqlite(&path).await.unwrap().close().await;
        let mut bytes = std::fs::read(&path).unwrap();
        for byte in &mut bytes[4096..4096 * 3] {
            *byte = 0x5a;
        }
        std::fs::write(&path, bytes).unwrap();
        let found = check_sqlite(&path).await;
        assert!(found.is_err() || found.is_ok_and(|words| !words.is_empty()));
        assert!(check_sqlite(&dir.path().join("none.db")).await.is_err());
    }
}
