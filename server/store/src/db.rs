//! Opens databases: pools, engine settings and migrations.

use crate::flush::Log;
use crate::{StoreError, upgrade};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions as _, Connection as _, Executor as _, Row as _, Transaction};
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tornado_shared::model::UnixSeconds;

/// Number of connections that only read. In WAL mode SQLite lets them run beside the writer.
const READERS: u32 = 4;
/// Longest wait for a connection. An overloaded store returns an error instead of blocking.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Age of the oldest copy from before a migration, seconds.
const COPY_AGE: i64 = 30 * 86_400;
/// Longest wait for the admission to a pool.
const DOOR_TIMEOUT: Duration = Duration::from_secs(2);

/// An open database with an up-to-date schema. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    writer: AnyPool,
    reader: AnyPool,
    engine: Engine,
    /// Flushed after each commit; `None` if the engine itself flushes.
    log: Option<Arc<Log>>,
    /// Limits the callers that wait in the pool of a server.
    door: Option<Arc<Semaphore>>,
    /// Path of the SQLite file.
    file: Option<Arc<Path>>,
}

/// Database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, one file.
    Sqlite,
    /// PostgreSQL, a server.
    Postgres,
}

impl Engine {
    /// Statement that begins a write transaction.
    const fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            // Each statement sees what was committed before it. Constraints, conditional updates and row locks decide
            // races; all of them check again after a wait (PostgreSQL manual, 13.2.1).
            Self::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED",
        }
    }

    pub(crate) const fn version(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT sqlite_version() AS version",
            Self::Postgres => "SELECT split_part(current_setting('server_version'), ' ', 1) AS version",
        }
    }
}

impl Database {
    /// Opens the SQLite file at `path`, creates it with mode 0600 if it does not exist, and runs the migrations. A file
    /// with an older schema is copied first; see [`Self::remove_copies`].
    ///
    /// A single connection writes, so a write transaction never finds the database busy; other connections read. A
    /// commit survives a power failure; see [`crate::flush`].
    ///
    /// # Errors
    /// When the file cannot be created or opened, is not a database, has a newer schema, or cannot be copied or
    /// migrated.
    pub async fn open_sqlite(path: &Path, migrations: &Migrator) -> Result<Self, StoreError> {
        let made = upgrade::copies::private_file(path).and_then(|()| path.canonicalize());
        let path = &made.map_err(|source| StoreError::File { path: path.to_owned(), source })?;
        let options = sqlite_options(path)?;
        // A pool would retry for seconds. The probe detects immediately that a file is not a database.
        let mut probe = AnyConnection::connect_with(&options).await?;
        probe.execute(sqlx::raw_sql(WRITER_PRAGMAS)).await?;
        upgrade::sqlite::migrate(&mut probe, path, migrations).await?;
        probe.close().await?;
        let writer = sqlite_pool(1, WRITER_PRAGMAS).connect_with(options.clone()).await?;
        let reader = sqlite_pool(READERS, READER_PRAGMAS).connect_with(options).await?;
        let file = Some(Arc::from(path.as_path()));
        Ok(Self { writer, reader, engine: Engine::Sqlite, log: Some(Log::of(path)), door: None, file })
    }

    /// Removes the copies from before migrations that are older than 30 days: they contain what has been deleted since.
    /// Returns their number. Only SQLite has such files; they are beside the database and named after it, with
    /// `.schema-` and the version of their schema.
    ///
    /// # Errors
    /// When the directory cannot be read, or a copy cannot be removed.
    pub fn remove_copies(&self, now: UnixSeconds) -> Result<usize, StoreError> {
        let Some(file) = &self.file else { return Ok(0) };
        let removed = upgrade::copies::remove_older(file, now.saturating_sub(COPY_AGE));
        removed.map_err(|source| StoreError::File { path: file.to_path_buf(), source })
    }

    /// Uses a pool for a server. At most `at_once` callers wait in the pool, so that each has enough time to open a
    /// connection. Without the limit, a crowd would never get one: the first caller would start to connect when its
    /// time is almost over, give up half-way, and the next caller would be just as late.
    pub(crate) fn shared(pool: &AnyPool, at_once: usize, engine: Engine) -> Self {
        let door = Some(Arc::new(Semaphore::new(at_once)));
        Self { writer: pool.clone(), reader: pool.clone(), engine, log: None, door, file: None }
    }

    async fn door(&self) -> Result<Option<SemaphorePermit<'_>>, StoreError> {
        let Some(door) = &self.door else { return Ok(None) };
        match tokio::time::timeout(DOOR_TIMEOUT, door.acquire()).await {
            Ok(place) => Ok(place.ok()),
            Err(_) => Err(StoreError::Late),
        }
    }

    /// Engine of this database.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.engine
    }

    /// Returns the version of the engine. Waits for the writer like any write transaction.
    ///
    /// # Errors
    /// When the database does not respond.
    pub async fn pulse(&self) -> Result<String, StoreError> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query(self.engine.version()).fetch_one(&mut *transaction).await?;
        transaction.rollback().await?;
        Ok(row.try_get("version")?)
    }

    /// A connection for read-only queries. It sees everything committed before.
    ///
    /// # Errors
    /// When no connection is available in time.
    pub async fn reader(&self) -> Result<PoolConnection<Any>, StoreError> {
        let _place = self.door().await?;
        Ok(self.reader.acquire().await?)
    }

    /// A connection for single write statements inside [`Self::written`].
    pub(crate) async fn writer(&self) -> Result<PoolConnection<Any>, StoreError> {
        let _place = self.door().await?;
        Ok(self.writer.acquire().await?)
    }

    /// Runs a single statement on [`Self::writer`] and waits until its result is durable.
    pub(crate) async fn written<T>(
        &self,
        statement: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let done = statement.await?;
        self.flush().await?;
        Ok(done)
    }

    /// Begins a write transaction. Dropping it without a commit rolls it back.
    ///
    /// # Errors
    /// When no connection is available in time.
    pub async fn begin(&self) -> Result<Write, StoreError> {
        let _place = self.door().await?;
        Ok(Write { transaction: self.writer.begin_with(self.engine.begin()).await?, database: self.clone() })
    }

    async fn flush(&self) -> Result<(), StoreError> {
        match &self.log {
            Some(log) => log.flush(&self.writer).await,
            None => Ok(()),
        }
    }

    #[cfg(test)]
    pub(crate) fn flushes(&self) -> u64 {
        self.log.as_ref().map_or(0, |log| log.flushes())
    }

    #[cfg(test)]
    pub(crate) const fn log(&self) -> Option<&Arc<Log>> {
        self.log.as_ref()
    }

    #[cfg(test)]
    pub(crate) const fn writing(&self) -> &AnyPool {
        &self.writer
    }

    /// Waits for running statements and closes all connections. SQLite then checkpoints its log into the file.
    pub async fn close(&self) {
        if let Some(log) = &self.log {
            log.closes();
        }
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// A write transaction.
#[derive(Debug)]
pub struct Write {
    transaction: Transaction<'static, Any>,
    database: Database,
}

impl Write {
    /// Commits, and waits until the commit survives a power failure. If the wait fails, the disk has failed and the
    /// outcome is unknown.
    ///
    /// # Errors
    /// When the commit or the flush fails.
    pub async fn commit(self) -> Result<(), StoreError> {
        // Releases the connection to the next caller before the wait for the disk.
        self.transaction.commit().await?;
        self.database.flush().await
    }

    /// Rolls the transaction back.
    ///
    /// # Errors
    /// When the engine fails.
    pub async fn rollback(self) -> Result<(), StoreError> {
        Ok(self.transaction.rollback().await?)
    }
}

impl Deref for Write {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.transaction
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }
}

const WRITER_PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
     PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA secure_delete = ON";
const READER_PRAGMAS: &str =
    "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA query_only = ON";

fn sqlite_pool(connections: u32, pragmas: &'static str) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute(sqlx::raw_sql(pragmas)).await?;
                Ok(())
            })
        })
        .after_release(|connection, _| Box::pin(left_clean(connection)))
}

/// Decides whether a pool may reuse a returned connection.
pub(crate) async fn left_clean(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    // Waits for a rollback that a drop has started.
    connection.ping().await?;
    // SQLite ends a transaction itself if the disk is full or fails. The library's own rollback then fails, and it
    // counts an open transaction permanently, so every later one on this connection would fail.
    Ok(!connection.is_in_transaction())
}

/// Options for an existing SQLite file.
pub(crate) fn sqlite_options(path: &Path) -> Result<AnyConnectOptions, StoreError> {
    // Every byte that is not plainly part of a path is percent-encoded (RFC 3986 §2.1).
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'_').remove(b'-');
    sqlx::any::install_default_drivers();
    let text = path.to_str().ok_or_else(|| StoreError::Path(path.to_owned()))?;
    let url = format!("sqlite://{}?mode=rw", utf8_percent_encode(text, ENCODED));
    Ok(AnyConnectOptions::from_str(&url)?.disable_statement_logging())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[tokio::test]
    async fn the_file_is_private_and_durable() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("odd name?#%.db");
        let db = Database::open_sqlite(&path, &Migrator::with_migrations(Vec::new())).await.unwrap();
        sqlx::query("CREATE TABLE t (a INTEGER)").execute(&db.writer).await.unwrap();
        for file in std::fs::read_dir(dir.path()).unwrap() {
            let mode = file.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&db.reader).await.unwrap();
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&db.writer).await.unwrap();
        let foreign_keys: i64 = sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&db.writer).await.unwrap();
        assert_eq!((journal.as_str(), synchronous, foreign_keys), ("wal", 1, 1));
        assert!(sqlx::query("INSERT INTO t VALUES (1)").execute(&db.reader).await.is_err());
    }

    #[tokio::test]
    async fn a_full_disk_is_overcome_once_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let db = Database::open_sqlite(&dir.path().join("x.db"), &Migrator::with_migrations(Vec::new())).await.unwrap();
        sqlx::query("CREATE TABLE t (a BLOB)").execute(&db.writer).await.unwrap();
        // Simulates a full disk: the database refuses to grow, with the same error and the same end of the transaction.
        sqlx::query("PRAGMA max_page_count = 3").execute(&db.writer).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let full = sqlx::query("INSERT INTO t VALUES (zeroblob(1000000))").execute(&mut *tx).await;
        assert!(full.unwrap_err().to_string().contains("full"));
        drop(tx);
        let pages: i64 = sqlx::query_scalar("PRAGMA max_page_count = 1000000").fetch_one(&db.writer).await.unwrap();
        assert_eq!(pages, 1_000_000);
        for _ in 0..2 {
            let mut tx = db.begin().await.unwrap();
            sqlx::query("INSERT INTO t VALUES (zeroblob(10))").execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_damaged_database_is_rejected_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        std::fs::write(&path, [7u8; 5000]).unwrap();
        assert!(Database::open_sqlite(&path, &Migrator::with_migrations(Vec::new())).await.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), [7u8; 5000]);
    }
}
