//! Transfers all tables of both schemas from one engine to the other, all or nothing.
//!
//! Tables, columns and references are read from SQLite; PostgreSQL has the same ones with the same names, which a test
//! verifies. Every row is read, written, read back before the target's transaction ends, and compared.

mod end;
mod rows;
mod tables;
#[cfg(test)]
mod tests;

pub use end::TransferError;

use crate::identity::SqlIdentityStore;
use crate::sessions::SqlSessions;
use crate::{KnownSchema, PostgresLogin, StoreError, postgres, snapshot, upgrade};
use end::End;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _, Row as _};
use std::path::Path;
use std::time::Duration;
use tables::Table;
use tokio::time::Instant;

/// Connections of services that have just stopped disappear within this time.
const GOING: Duration = Duration::from_secs(3);

/// The two database files of an embedded server, or copies of them.
#[derive(Debug, Clone, Copy)]
pub struct SqliteFiles<'a> {
    /// File of service `auth`.
    pub identity: &'a Path,
    /// File of service `session`.
    pub sessions: &'a Path,
}

/// A transferred table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Name with schema, such as `identity.users`.
    pub table: String,
    /// Number of rows.
    pub rows: u64,
}

/// Copies the contents of the files into the database. `owner` is the role that owns its tables. The tables must exist,
/// have this version's schema and be empty. The files are not changed, except for migrations to this version.
///
/// # Errors
/// When the transfer fails; the database is then unchanged.
pub async fn to_postgres(files: SqliteFiles<'_>, owner: &PostgresLogin) -> Result<Vec<Moved>, TransferError> {
    current(files).await?;
    let mut database = postgres::writer(owner).await?;
    unused(&mut database).await?;
    let mut moved = Vec::new();
    let mut transaction = database.begin().await?;
    for (schema, file) in both(files) {
        postgres::check(&mut transaction, schema.name(), &schema.postgres()).await?;
        let mut sqlite = snapshot::connect(file).await?;
        let tables = tables::read(&mut sqlite, schema.record()).await?;
        // Blocks other writers until the transaction ends.
        lock(&mut transaction, schema, &tables, "EXCLUSIVE").await?;
        let mut from = End { db: &mut sqlite, schema: None };
        let mut to = End { db: &mut transaction, schema: Some(schema.name()) };
        moved.extend(copy(schema, &tables, &mut from, &mut to).await?);
        sqlite.close().await?;
    }
    transaction.commit().await?;
    database.close().await?;
    Ok(moved)
}

/// Copies the contents of the database into new files. `gateway` is the node id of the server that will use them. The
/// database is not changed.
///
/// # Errors
/// [`TransferError::Exists`] when one of the files exists; it is not changed. After any other error the files are
/// incomplete and must not be used.
pub async fn to_sqlite(
    owner: &PostgresLogin,
    files: SqliteFiles<'_>,
    gateway: &str,
) -> Result<Vec<Moved>, TransferError> {
    for (_, file) in both(files) {
        // A dangling link counts as an existing file.
        if std::fs::symlink_metadata(file).is_ok() {
            return Err(TransferError::Exists(file.to_owned()));
        }
    }
    current(files).await?;
    let mut database = postgres::writer(owner).await?;
    unused(&mut database).await?;
    // Reads both schemas at the same point in time.
    let mut transaction = database.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    let mut moved = Vec::new();
    for (schema, file) in both(files) {
        postgres::check(&mut transaction, schema.name(), &schema.postgres()).await?;
        let mut sqlite = snapshot::connect(file).await?;
        let tables = tables::read(&mut sqlite, schema.record()).await?;
        lock(&mut transaction, schema, &tables, "SHARE").await?;
        if schema == KnownSchema::Sessions {
            only(&mut transaction, gateway).await?;
        }
        let mut written = sqlite.begin().await?;
        let mut from = End { db: &mut transaction, schema: Some(schema.name()) };
        let mut to = End { db: &mut written, schema: None };
        moved.extend(copy(schema, &tables, &mut from, &mut to).await?);
        written.commit().await?;
        sqlite.close().await?;
    }
    transaction.rollback().await?;
    database.close().await?;
    Ok(moved)
}

/// Returns to the copies that were made before a newer version of this program migrated the schemas. `owner` is the
/// role that owns the tables. Returns the names of the schemas that were newer; the others are not changed.
///
/// # Errors
/// When services are connected, or a newer schema has no copy with this version's schema; nothing is changed then.
pub async fn undo_postgres(owner: &PostgresLogin) -> Result<Vec<&'static str>, TransferError> {
    let mut database = postgres::writer(owner).await?;
    unused(&mut database).await?;
    let mut transaction = database.begin().await?;
    let mut undone = Vec::new();
    for schema in [KnownSchema::Identity, KnownSchema::Sessions] {
        let wanted = schema.postgres();
        if upgrade::postgres::undo(&mut transaction, schema.name(), &wanted).await? {
            postgres::protect_record(&mut transaction, schema.name(), schema.role(), &wanted).await?;
            undone.push(schema.name());
        }
    }
    transaction.commit().await?;
    database.close().await?;
    Ok(undone)
}

fn both(files: SqliteFiles<'_>) -> [(KnownSchema, &Path); 2] {
    [(KnownSchema::Identity, files.identity), (KnownSchema::Sessions, files.sessions)]
}

/// Migrates both files to this version's schema; creates missing ones.
async fn current(files: SqliteFiles<'_>) -> Result<(), StoreError> {
    SqlIdentityStore::open_sqlite(files.identity).await?.close().await;
    SqlSessions::open_sqlite(files.sessions).await?.shut().await;
    Ok(())
}

async fn copy(
    schema: KnownSchema,
    tables: &[Table],
    from: &mut End<'_>,
    to: &mut End<'_>,
) -> Result<Vec<Moved>, TransferError> {
    for table in tables {
        if !is_untouched(table, to).await? {
            return Err(TransferError::NotEmpty(format!("{}.{}", schema.name(), table.name)));
        }
    }
    // The transferred rows include those that the migrations insert.
    for table in tables.iter().rev() {
        let clear = format!("DELETE FROM {}", to.name(&table.name));
        to.db.execute(sqlx::raw_sql(AssertSqlSafe(clear))).await?;
    }
    let mut moved = Vec::with_capacity(tables.len());
    for table in tables {
        let sent = rows::send(table, from, to).await?;
        let arrived = rows::sum(table, to).await?;
        if sent != arrived {
            let name = format!("{}.{}", schema.name(), table.name);
            return Err(TransferError::Differs { table: name, sent: sent.rows, arrived: arrived.rows });
        }
        moved.push(Moved { table: format!("{}.{}", schema.name(), table.name), rows: sent.rows });
    }
    Ok(moved)
}

/// True if the table has no rows, or only the row that its migration inserts.
async fn is_untouched(table: &Table, end: &mut End<'_>) -> Result<bool, TransferError> {
    let name = end.name(&table.name);
    let query = match table.name.as_str() {
        "audit_head" => format!("SELECT COUNT(*) AS found FROM {name} WHERE seq > 0"),
        _ => format!("SELECT COUNT(*) AS found FROM {name}"),
    };
    let row = sqlx::query(AssertSqlSafe(query)).fetch_one(&mut *end.db).await?;
    Ok(row.try_get::<i64, _>("found")? == 0)
}

async fn lock(db: &mut AnyConnection, schema: KnownSchema, tables: &[Table], how: &str) -> Result<(), TransferError> {
    let names: Vec<String> = tables.iter().map(|table| format!("{}.{}", schema.name(), table.name)).collect();
    let lock = format!("LOCK TABLE {} IN {how} MODE", names.join(", "));
    db.execute(sqlx::raw_sql(AssertSqlSafe(lock))).await?;
    Ok(())
}

/// Waits until no service is connected. Services keep connections while they run, on all gateways; those of a service
/// that has just stopped remain for a moment.
async fn unused(db: &mut AnyConnection) -> Result<(), TransferError> {
    let until = Instant::now() + GOING;
    loop {
        let row = sqlx::query(
            "SELECT COUNT(*) AS open FROM pg_stat_activity
             WHERE datname = current_database() AND usename IN ('tornado_auth', 'tornado_session')",
        )
        .fetch_one(&mut *db)
        .await?;
        match row.try_get("open")? {
            0 => return Ok(()),
            open if Instant::now() > until => return Err(TransferError::InUse(open)),
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn only(db: &mut AnyConnection, gateway: &str) -> Result<(), TransferError> {
    let other = sqlx::query("SELECT node_id FROM session.sessions WHERE node_id <> $1 LIMIT 1")
        .bind(gateway.to_owned())
        .fetch_optional(db)
        .await?;
    match other {
        Some(row) => Err(TransferError::OtherGateway(row.try_get("node_id")?)),
        None => Ok(()),
    }
}
