//! Commits that wait for the disk together.
//!
//! In WAL mode with `synchronous = NORMAL` SQLite does not wait for the disk when it commits. Here each commit then asks for
//! the log to be flushed, and one flush serves all that committed before it began, instead of one each: an answer
//! still means that what it tells of survives a loss of power, at a fraction of the flushes. The log is written in
//! order, so whatever is safe, all before it is safe too. SQLite itself flushes log and file around checkpoints
//! (sqlite.org/pragma.html#pragma_synchronous), so a loss of power never damages the file.

use crate::StoreError;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;

/// The write-ahead log of one database file.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    /// Commits so far.
    committed: AtomicU64,
    /// Those of them that are safe. Held while a flush is under way, so that others wait for it.
    safe: Mutex<u64>,
    flushes: AtomicU64,
}

impl Log {
    /// Of the database at `file`.
    pub(crate) fn of(file: &Path) -> Arc<Self> {
        let mut path = file.as_os_str().to_owned();
        path.push("-wal");
        Arc::new(Self {
            path: path.into(),
            committed: AtomicU64::new(0),
            safe: Mutex::new(0),
            flushes: AtomicU64::new(0),
        })
    }

    /// Returns when everything that was committed before this call is on the disk.
    pub(crate) async fn flush(&self) -> Result<(), StoreError> {
        let own = self.committed.fetch_add(1, Ordering::SeqCst) + 1;
        let mut safe = self.safe.lock().await;
        if *safe >= own {
            return Ok(());
        }
        // Whoever counts from here on may have committed too late for this flush.
        let all = self.committed.load(Ordering::SeqCst);
        let path = self.path.clone();
        let failed = |source| StoreError::File { path: self.path.clone(), source };
        let flushed = tokio::task::spawn_blocking(move || sync(&path)).await;
        flushed.map_err(|ended| failed(std::io::Error::other(ended))).and_then(|done| done.map_err(failed))?;
        self.flushes.fetch_add(1, Ordering::Relaxed);
        *safe = all;
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Relaxed)
    }
}

/// Opened each time: it is another file after all connections were closed. SQLite takes no lock on it, so closing it
/// gives none up.
fn sync(path: &Path) -> std::io::Result<()> {
    match File::open(path) {
        Ok(file) => file.sync_data(),
        // Folded into the database file, which was flushed before the log went away.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
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
        let log = Log::of(&dir.path().join("x.db"));
        std::fs::write(&log.path, "x").unwrap();
        // A flush is under way.
        let under_way = log.safe.lock().await;
        let (early, late) = (log.clone(), log.clone());
        let tasks = [tokio::spawn(async move { early.flush().await }), tokio::spawn(async move { late.flush().await })];
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(tasks.iter().all(|task| !task.is_finished()));
        drop(under_way);
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(log.flushes(), 1, "one for both");
        log.flush().await.unwrap();
        assert_eq!(log.flushes(), 2);
    }

    #[tokio::test]
    async fn a_disk_that_fails_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::of(&dir.path().join("x.db"));
        assert!(log.flush().await.is_ok(), "nothing to flush");
        pipe(&log.path);
        assert!(matches!(log.flush().await, Err(StoreError::File { .. })));
        assert_eq!(*log.safe.lock().await, 1, "what was not flushed is not called safe");
    }

    /// A named pipe that somebody reads and writes, so that opening it does not wait; fsync refuses it (EINVAL).
    fn pipe(path: &Path) {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
        let both = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        std::mem::forget(both);
    }
}
