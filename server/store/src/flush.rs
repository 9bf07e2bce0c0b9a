//! Group flush: commits share the wait for the disk.
//!
//! In WAL mode with `synchronous = NORMAL`, SQLite does not wait for the disk at a commit. Here, each commit then
//! requests a flush of the log, and one flush serves all commits before it. A response thus still means that its effect
//! survives a power failure, with far fewer flushes. The log is written in order, so if a commit is durable, all
//! earlier ones are. SQLite itself flushes log and file around checkpoints (sqlite.org/pragma.html#pragma_synchronous),
//! so a power failure never damages the file.
//!
//! A failed flush leaves a gap that later flushes do not report: Linux marks pages that it could not write as clean,
//! and reports the error once per open file, which is why one stays open here. After a failure no flush counts until a
//! checkpoint has copied everything into the database file and emptied the log.

use crate::StoreError;
use sqlx::{AnyPool, Row as _};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Mutex;

/// The write-ahead log of one database file.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    /// Number of commits so far.
    committed: AtomicU64,
    /// Locked during a flush, so that other callers wait for it.
    safe: Mutex<Safe>,
    /// Set before the last connection removes the log.
    closing: AtomicBool,
    flushes: AtomicU64,
    /// Simulates a failing disk.
    #[cfg(test)]
    failing: AtomicBool,
}

#[derive(Debug, Default)]
struct Safe {
    /// Number of durable commits.
    commits: u64,
    /// The log as opened for the previous flush.
    file: Option<Arc<File>>,
    /// True if the log may have a gap.
    failed: bool,
}

impl Log {
    /// The log of the database at `file`. The path must not contain links: SQLite names the log after the link's
    /// target.
    pub(crate) fn of(file: &Path) -> Arc<Self> {
        let mut path = file.as_os_str().to_owned();
        path.push("-wal");
        Arc::new(Self {
            path: path.into(),
            committed: AtomicU64::new(0),
            safe: Mutex::default(),
            closing: AtomicBool::new(false),
            flushes: AtomicU64::new(0),
            #[cfg(test)]
            failing: AtomicBool::new(false),
        })
    }

    /// Returns when all commits before this call are durable. The caller must not hold a connection of `writer`.
    pub(crate) async fn flush(&self, writer: &AnyPool) -> Result<(), StoreError> {
        let own = self.committed.fetch_add(1, Ordering::SeqCst) + 1;
        let mut safe = self.safe.lock().await;
        if safe.commits >= own {
            return Ok(());
        }
        // Commits that are counted from here on may be too late for this flush.
        let all = self.committed.load(Ordering::SeqCst);
        if safe.failed {
            fold(writer).await?;
        } else {
            // Set before the flush: if the caller's deadline cancels it, its result is lost.
            safe.failed = true;
            let flushed = self.sync(safe.file.clone()).await;
            safe.file = flushed.map_err(|source| StoreError::File { path: self.path.clone(), source })?;
        }
        safe.failed = false;
        self.flushes.fetch_add(1, Ordering::Relaxed);
        safe.commits = all;
        Ok(())
    }

    async fn sync(&self, open: Option<Arc<File>>) -> std::io::Result<Option<Arc<File>>> {
        #[cfg(test)]
        if self.failing.load(Ordering::SeqCst) {
            return Err(std::io::Error::other("the disk failed"));
        }
        let path = self.path.clone();
        match tokio::task::spawn_blocking(move || sync(open, &path)).await? {
            Ok(file) => Ok(Some(file)),
            // A close has checkpointed the log into the database file and flushed that before it removed the log.
            Err(error) if error.kind() == ErrorKind::NotFound && self.closing.load(Ordering::SeqCst) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Announces that the log may disappear.
    pub(crate) fn closes(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    #[cfg(test)]
    pub(crate) fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Relaxed)
    }
}

/// Flushes the log. Reopens it if it was replaced after all connections were closed. SQLite takes no lock on the log,
/// so closing it releases none.
fn sync(open: Option<Arc<File>>, path: &Path) -> std::io::Result<Arc<File>> {
    let there = std::fs::metadata(path)?;
    let same =
        |file: &Arc<File>| file.metadata().is_ok_and(|known| (known.dev(), known.ino()) == (there.dev(), there.ino()));
    let file = match open.filter(same) {
        Some(file) => file,
        None => Arc::new(File::open(path)?),
    };
    file.sync_data()?;
    Ok(file)
}

/// Copies the whole log into the database file, waits for the disk, and empties the log
/// (sqlite.org/pragma.html#pragma_wal_checkpoint).
async fn fold(writer: &AnyPool) -> Result<(), StoreError> {
    let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(writer).await?;
    match row.try_get::<i64, _>("busy")? {
        0 => Ok(()),
        _ => Err(StoreError::Unsafe),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Database;
    use sqlx::migrate::Migrator;
    use std::time::Duration;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_commits_share_a_flush_and_none_goes_without() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        let db = Database::open_sqlite(&path, &Migrator::with_migrations(Vec::new())).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        sqlx::query("CREATE TABLE t (a INTEGER)").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let before = db.flushes();
        let mut all = tokio::task::JoinSet::new();
        for number in 0..400_i64 {
            let db = db.clone();
            all.spawn(async move {
                let mut tx = db.begin().await.unwrap();
                sqlx::query("INSERT INTO t VALUES ($1)").bind(number).execute(&mut *tx).await.unwrap();
                tx.commit().await.unwrap();
            });
        }
        all.join_all().await;
        let flushes = db.flushes() - before;
        assert!((1..400).contains(&flushes), "{flushes}");
    }

    #[tokio::test]
    async fn each_waits_for_a_flush_that_began_after_its_commit() {
        let dir = tempfile::tempdir().unwrap();
        let writer = other(&dir).await;
        let log = Log::of(&dir.path().join("x.db"));
        std::fs::write(&log.path, "x").unwrap();
        // A flush is in progress.
        let under_way = log.safe.lock().await;
        let (early, late) = (log.clone(), log.clone());
        let (one, two) = (writer.clone(), writer.clone());
        let tasks =
            [tokio::spawn(async move { early.flush(&one).await }), tokio::spawn(async move { late.flush(&two).await })];
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(tasks.iter().all(|task| !task.is_finished()));
        drop(under_way);
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(log.flushes(), 1, "one flush must serve both");
        log.flush(&writer).await.unwrap();
        assert_eq!(log.flushes(), 2);
    }

    #[tokio::test]
    async fn a_disk_that_fails_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let writer = other(&dir).await;
        let log = Log::of(&dir.path().join("x.db"));
        log.closes();
        assert!(log.flush(&writer).await.is_ok(), "nothing to flush");
        pipe(&log.path);
        assert!(matches!(log.flush(&writer).await, Err(StoreError::File { .. })));
        assert_eq!(log.safe.lock().await.commits, 1, "a failed flush must not count");
    }

    #[tokio::test]
    async fn a_log_that_is_not_where_it_should_be_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let db = database(&dir.path().join("x.db")).await;
        insert(&db).await.unwrap();
        std::fs::remove_file(dir.path().join("x.db-wal")).unwrap();
        assert!(matches!(insert(&db).await, Err(StoreError::File { .. })));
        // Closing the database removes the log itself.
        db.close().await;
        let db = database(&dir.path().join("x.db")).await;
        insert(&db).await.unwrap();
        db.close().await;
        let log = db.log().unwrap();
        assert!(log.flush(&other(&dir).await).await.is_ok());
    }

    /// SQLite names the log after the target of a link.
    #[tokio::test]
    async fn a_database_behind_a_link_is_flushed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("real")).unwrap();
        let (real, link) = (dir.path().join("real/x.db"), dir.path().join("x.db"));
        drop(database(&real).await);
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let db = database(&link).await;
        insert(&db).await.unwrap();
        let log = db.log().unwrap();
        assert!(log.path.exists() && log.path.ends_with("real/x.db-wal"), "{}", log.path.display());
        let file = log.safe.lock().await.file.clone().unwrap();
        assert!(file.metadata().unwrap().len() > 0, "the target's log must be flushed");
    }

    #[tokio::test]
    async fn after_a_failed_flush_none_is_believed_until_the_log_was_folded() {
        let dir = tempfile::tempdir().unwrap();
        let db = database(&dir.path().join("x.db")).await;
        let log = db.log().unwrap();
        let size = || std::fs::metadata(&log.path).unwrap().len();
        for _ in 0..20 {
            insert(&db).await.unwrap();
        }
        let long = size();
        log.failing.store(true, Ordering::SeqCst);
        assert!(insert(&db).await.is_err());
        log.failing.store(false, Ordering::SeqCst);
        // A reader holds a snapshot of the log, so the log cannot be emptied.
        sqlx::query("PRAGMA busy_timeout = 50").execute(&mut *db.writer().await.unwrap()).await.unwrap();
        let mut reader = db.reader().await.unwrap();
        sqlx::query("BEGIN").execute(&mut *reader).await.unwrap();
        sqlx::query("SELECT a FROM t").fetch_all(&mut *reader).await.unwrap();
        for _ in 0..2 {
            assert!(
                matches!(insert(&db).await, Err(StoreError::Unsafe)),
                "the disk works again, but the log has a gap"
            );
        }
        sqlx::query("COMMIT").execute(&mut *reader).await.unwrap();
        drop(reader);
        insert(&db).await.unwrap();
        assert!(size() < long, "the log must have been emptied");
        assert!(!log.safe.lock().await.failed);
        insert(&db).await.unwrap();
        assert!((1..long).contains(&size()), "the log must be in use again");
    }

    /// Its failure would be lost, because the caller no longer waits.
    #[test]
    fn a_flush_that_was_given_up_is_not_believed() {
        // The only thread for flushes is busy while the flush under test is polled.
        let runtime = tokio::runtime::Builder::new_multi_thread().max_blocking_threads(1).enable_all().build().unwrap();
        runtime.block_on(give_up_a_flush());
    }

    async fn give_up_a_flush() {
        let dir = tempfile::tempdir().unwrap();
        let db = database(&dir.path().join("x.db")).await;
        insert(&db).await.unwrap();
        let log = db.log().unwrap();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || released.recv());
        {
            let mut flush = std::pin::pin!(log.flush(db.writing()));
            assert!(futures::poll!(&mut flush).is_pending());
        }
        release.send(()).unwrap();
        busy.await.unwrap().unwrap();
        assert!(log.safe.lock().await.failed);
        insert(&db).await.unwrap();
        assert!(!log.safe.lock().await.failed);
    }

    async fn database(path: &Path) -> Database {
        let db = Database::open_sqlite(path, &Migrator::with_migrations(Vec::new())).await.unwrap();
        let made = "CREATE TABLE IF NOT EXISTS t (a INTEGER)";
        sqlx::query(made).execute(&mut *db.writer().await.unwrap()).await.unwrap();
        db
    }

    async fn insert(db: &Database) -> Result<(), StoreError> {
        let mut tx = db.begin().await?;
        sqlx::query("INSERT INTO t VALUES (1)").execute(&mut *tx).await?;
        tx.commit().await
    }

    /// A connection of another database, whose log is not checkpointed.
    async fn other(dir: &tempfile::TempDir) -> AnyPool {
        database(&dir.path().join("other.db")).await.writing().clone()
    }

    /// A named pipe that is open for reading and writing, so that opening it does not block. fsync fails on it with
    /// EINVAL.
    fn pipe(path: &Path) {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
        let both = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        std::mem::forget(both);
    }
}
