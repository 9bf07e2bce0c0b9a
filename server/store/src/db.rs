//! Opening a database: pools, engine settings, migrations.

use crate::StoreError;
use crate::flush::Log;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions as _, Connection as _, Executor as _, Row as _, Transaction};
use std::fs::OpenOptions;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Connections that only read. SQLite in WAL mode lets them run beside the writer.
const READERS: u32 = 4;
/// Longest wait for a connection; a caller hears of an overloaded store instead of hanging.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for a place at the door of a pool.
const DOOR_TIMEOUT: Duration = Duration::from_secs(2);

/// An open database with its schema up to date. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    writer: AnyPool,
    reader: AnyPool,
    engine: Engine,
    /// Flushed after each commit; `None` where the engine does so itself.
    log: Option<Arc<Log>>,
    /// Where callers wait for a place in the pool of a server.
    door: Option<Arc<Semaphore>>,
}

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

impl Engine {
    /// How a transaction that writes begins.
    const fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            // Each statement sees what was committed before it; races are decided by constraints, by conditional
            // updates and by locks on rows, all of which look again after they waited (PostgreSQL manual, 13.2.1).
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
    /// Opens the SQLite file at `path`, makes it (mode 0600) when missing, and runs the migrations.
    ///
    /// One connection writes, so a write transaction never meets a busy database; some others read.
    /// What was answered survives a loss of power: see [`crate::flush`].
    pub async fn open_sqlite(path: &Path, migrations: &Migrator) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let made = private_file(path).and_then(|()| path.canonicalize());
        let path = &made.map_err(|source| StoreError::File { path: path.to_owned(), source })?;
        let text = path.to_str().ok_or_else(|| StoreError::Path(path.to_owned()))?;
        let url = format!("sqlite://{}?mode=rw", percent_encode(text));
        let options = AnyConnectOptions::from_str(&url)?.disable_statement_logging();
        // A pool would try again for seconds; a file that is not a database is known at once.
        let mut probe = AnyConnection::connect_with(&options).await?;
        probe.execute(sqlx::raw_sql(WRITER_PRAGMAS)).await?;
        probe.close().await?;
        let writer = sqlite_pool(1, WRITER_PRAGMAS).connect_with(options.clone()).await?;
        migrations.run(&writer).await?;
        let reader = sqlite_pool(READERS, READER_PRAGMAS).connect_with(options).await?;
        Ok(Self { writer, reader, engine: Engine::Sqlite, log: Some(Log::of(path)), door: None })
    }

    /// A server. `at_once` callers may wait in the pool itself, so that each has its whole time for making a connection.
    /// Were all let in, a crowd would never get one: whoever came first would make it when its time was almost over,
    /// give up in the middle, and the next one would be as late.
    pub(crate) fn shared(pool: &AnyPool, at_once: usize, engine: Engine) -> Self {
        let door = Some(Arc::new(Semaphore::new(at_once)));
        Self { writer: pool.clone(), reader: pool.clone(), engine, log: None, door }
    }

    async fn door(&self) -> Result<Option<SemaphorePermit<'_>>, StoreError> {
        let Some(door) = &self.door else { return Ok(None) };
        match tokio::time::timeout(DOOR_TIMEOUT, door.acquire()).await {
            Ok(place) => Ok(place.ok()),
            Err(_) => Err(StoreError::Late),
        }
    }

    /// Which it is.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.engine
    }

    /// Its version: a sign of life that waits as long as any transaction that writes.
    pub async fn pulse(&self) -> Result<String, StoreError> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query(self.engine.version()).fetch_one(&mut *transaction).await?;
        transaction.rollback().await?;
        Ok(row.try_get("version")?)
    }

    /// A connection for queries that only read. Sees everything committed before.
    pub async fn reader(&self) -> Result<PoolConnection<Any>, StoreError> {
        let _place = self.door().await?;
        Ok(self.reader.acquire().await?)
    }

    /// A connection for single statements that write, inside of [`Self::written`].
    pub(crate) async fn writer(&self) -> Result<PoolConnection<Any>, StoreError> {
        let _place = self.door().await?;
        Ok(self.writer.acquire().await?)
    }

    /// A single statement by [`Self::writer`], and then the wait until it is safe.
    pub(crate) async fn written<T>(
        &self,
        statement: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let done = statement.await?;
        self.flush().await?;
        Ok(done)
    }

    /// Begins a transaction that writes. Undone when dropped without commit.
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

    /// Waits for running statements and closes every connection; SQLite then folds its log into the file.
    pub async fn close(&self) {
        if let Some(log) = &self.log {
            log.closes();
        }
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// A transaction that writes.
#[derive(Debug)]
pub struct Write {
    transaction: Transaction<'static, Any>,
    database: Database,
}

impl Write {
    /// Commits, and waits until that is safe from a loss of power. After an error of the wait it stands or does not:
    /// the disk has failed.
    pub async fn commit(self) -> Result<(), StoreError> {
        // The connection is free for the next before the disk is waited for.
        self.transaction.commit().await?;
        self.database.flush().await
    }

    /// Undoes it.
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

/// What a pool asks of a connection that comes back: is it fit for the next one?
pub(crate) async fn left_clean(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    // A rollback that was begun by a drop is waited for.
    connection.ping().await?;
    // SQLite ends a transaction by itself when the disk is full or fails. The library's own rollback
    // then fails and it counts a transaction for ever: each later one would be refused.
    Ok(!connection.is_in_transaction())
}

/// Makes the file private from its first byte. SQLite gives its `-wal` and `-shm` files the same mode.
pub(crate) fn private_file(path: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

/// RFC 3986 §2.1, for every byte that is not plainly part of a path.
pub(crate) fn percent_encode(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

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
        // Stands for the disk: the database refuses to grow, with the same error and the same end of transaction.
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
    async fn defect_021_a_damaged_file_is_refused_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        std::fs::write(&path, [7u8; 5000]).unwrap();
        assert!(Database::open_sqlite(&path, &Migrator::with_migrations(Vec::new())).await.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), [7u8; 5000]);
    }
}
