//! Moving everything from one engine to the other: all tables of both schemas, all or nothing.
//!
//! Which tables and columns there are, and which refer to which, is read from SQLite; PostgreSQL has the same ones by
//! the same names (a test of this module holds the migrations to it). Every row is read, written, read back from the
//! target before the end of its transaction, and compared.

mod rows;
mod tables;
#[cfg(test)]
mod tests;

use crate::identity::SqlIdentityStore;
use crate::sessions::SqlSessions;
use crate::{KnownSchema, PostgresLogin, StoreError, postgres, snapshot};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _, Row as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tables::Table;
use tokio::time::Instant;

/// Connections of services that ended are gone within this time.
const GOING: Duration = Duration::from_secs(3);

/// The two files of an embedded server, or copies of them.
#[derive(Debug, Clone, Copy)]
pub struct SqliteFiles<'a> {
    /// Of service `auth`.
    pub identity: &'a Path,
    /// Of service `session`.
    pub sessions: &'a Path,
}

/// Why nothing was moved.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// Either end.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody's rows would be mixed with others.
    #[error("the target is not empty: its table {0} has rows")]
    NotEmpty(String),
    /// A file that was to be made.
    #[error("there is a file {0} already: move it away")]
    Exists(PathBuf),
    /// Services of a gateway work with the database.
    #[error("{0} connections of services are open: stop the server on every gateway that uses this database")]
    InUse(i64),
    /// An embedded server is one gateway.
    #[error("gateway '{0}' has sessions in this database, and an embedded server is one gateway: end them first")]
    OtherGateway(String),
    /// What was read back is not what was sent.
    #[error("of the table {table} {sent} rows were sent, and {arrived} arrived, or not as they were")]
    Differs {
        /// Which.
        table: String,
        /// Rows read.
        sent: u64,
        /// Rows read back.
        arrived: u64,
    },
    /// A type of column that no table had so far.
    #[error("the column {0} has a type that cannot be moved")]
    Column(String),
}

impl From<sqlx::Error> for TransferError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A table and its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// `identity.users` and so on.
    pub table: String,
    /// How many.
    pub rows: u64,
}

/// One end of a move. Tables are named with their schema where the engine has schemas.
struct End<'c> {
    db: &'c mut AnyConnection,
    schema: Option<&'static str>,
}

impl End<'_> {
    fn name(&self, table: &str) -> String {
        self.schema.map_or_else(|| table.to_owned(), |schema| format!("{schema}.{table}"))
    }
}

/// Fills the database with all that is in the files. `owner` is the role that owns its tables; they must be there, of
/// this version, and empty. The files are only read, but for what brings them to this version.
///
/// # Errors
/// Whatever fails, the database is as it was.
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
        // Nobody writes meanwhile; who tries waits for the end.
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

/// Fills new files with all that is in the database. `gateway`: the node id of the server that
/// will work with them. The database is only read.
///
/// # Errors
/// [`TransferError::Exists`] when there is one of the files: it is left as it is. Whatever else fails, what there is of the
/// files is of no use to anybody.
pub async fn to_sqlite(
    owner: &PostgresLogin,
    files: SqliteFiles<'_>,
    gateway: &str,
) -> Result<Vec<Moved>, TransferError> {
    for (_, file) in both(files) {
        // Links that lead nowhere are somebody's too.
        if std::fs::symlink_metadata(file).is_ok() {
            return Err(TransferError::Exists(file.to_owned()));
        }
    }
    current(files).await?;
    let mut database = postgres::writer(owner).await?;
    unused(&mut database).await?;
    // Both schemas as they were at one moment.
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

fn both(files: SqliteFiles<'_>) -> [(KnownSchema, &Path); 2] {
    [(KnownSchema::Identity, files.identity), (KnownSchema::Sessions, files.sessions)]
}

/// Brings both files to this version's schema; makes them when they are missing.
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
    // What the migrations themselves write is among what comes.
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

/// Without rows, or with the one that its migration wrote.
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

/// Services keep connections as long as they run, whatever gateway they are on. Those of one that has just ended are
/// there for a moment.
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
