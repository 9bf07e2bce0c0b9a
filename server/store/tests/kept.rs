//! What the stores keep about people is described: a new column fails here until `tornado_shared::kept` has it.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Row as _};
use std::path::Path;
use tornado_shared::kept::{IDENTITY, SESSIONS};
use tornado_store::identity::SqlIdentityStore;
use tornado_store::sessions::SqlSessions;

/// All columns of a file as `table.column`.
async fn columns(path: &Path) -> Vec<String> {
    const ALL: &str = "SELECT tables.name || '.' || columns.name AS name FROM sqlite_master AS tables \
         JOIN pragma_table_info(tables.name) AS columns WHERE tables.type = 'table' \
         AND tables.name NOT LIKE 'sqlite!_%' ESCAPE '!' AND tables.name NOT LIKE '%!_migrations' ESCAPE '!'";
    let mut db = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let mut all: Vec<String> =
        sqlx::query(ALL).fetch_all(&mut db).await.unwrap().iter().map(|row| row.get("name")).collect();
    all.sort();
    all
}

#[tokio::test]
async fn every_column_of_the_stores_is_described() {
    let dir = tempfile::tempdir().unwrap();
    let (identity, sessions) = (dir.path().join("identity.db"), dir.path().join("sessions.db"));
    SqlIdentityStore::open_sqlite(&identity).await.unwrap();
    SqlSessions::open_sqlite(&sessions).await.unwrap();
    assert_eq!(IDENTITY.described(), columns(&identity).await);
    assert_eq!(SESSIONS.described(), columns(&sessions).await);
}
