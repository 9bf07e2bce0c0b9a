//! The history of metrics in one SQLite file: a table for each resolution, a row for each interval.
//!
//! Longer intervals are computed from stored rows when they are over, so that a restart loses nothing. A file that is
//! damaged is set aside, and a new one begins.

use super::rollup::{MAX_NUMBER, Row, Stats, decode, encode, entries, roll_up};
use futures::TryStreamExt as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqliteConnection};
use std::collections::{BTreeSet, HashMap};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use tokio::sync::Mutex;
use tornado_contracts::telemetry::metrics::{Point, Resolution, Samples, Series};
use tornado_runtime::files::optional;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS metrics (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS seconds (at INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS minutes (at INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS hours (at INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
";

/// Metrics in the history; values of further ones are dropped.
const MAX_METRICS: usize = 2_000;
/// Rows in the future are deleted at this distance in seconds: the clock was wrong.
const FUTURE: i64 = 86_400;

/// Why the history cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// SQLite failed.
    #[error("cannot access the metrics: {0}")]
    Sql(#[from] sqlx::Error),
    /// The file cannot be created or renamed.
    #[error("cannot access {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
}

/// The history, with one connection.
pub struct History {
    path: PathBuf,
    open: Mutex<Option<Open>>,
}

struct Open {
    db: SqliteConnection,
    numbers: HashMap<String, u32>,
    /// The minute of the newest samples, as seconds since 1970.
    minute: i64,
}

const fn table(resolution: Resolution) -> &'static str {
    match resolution {
        Resolution::Second => "seconds",
        Resolution::Minute => "minutes",
        Resolution::Hour => "hours",
    }
}

impl History {
    /// The history in the file `path`, which is opened when it is used.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: Mutex::default() }
    }

    /// Runs `work` on the open file. After an error the file is opened again; a damaged one is set aside.
    async fn with<T>(&self, work: impl AsyncFnOnce(&mut Open) -> Result<T, sqlx::Error>) -> Result<T, HistoryError> {
        let mut open = self.open.lock().await;
        let mut file = match open.take() {
            Some(file) => file,
            None => self.connect().await?,
        };
        match work(&mut file).await {
            Ok(done) => {
                *open = Some(file);
                Ok(done)
            }
            Err(error) => {
                drop(file);
                if is_damaged(&error) {
                    self.set_aside(&error)?;
                }
                Err(error.into())
            }
        }
    }

    async fn connect(&self) -> Result<Open, HistoryError> {
        match self.connect_once().await {
            Err(HistoryError::Sql(error)) if is_damaged(&error) => {
                self.set_aside(&error)?;
                self.connect_once().await
            }
            result => result,
        }
    }

    /// Renames the damaged file. Its log of changes would be replayed into the next file.
    fn set_aside(&self, error: &sqlx::Error) -> Result<(), HistoryError> {
        tracing::error!(%error, "the damaged history of metrics was set aside");
        let failed = |source| HistoryError::File { path: self.path.clone(), source };
        optional(std::fs::rename(&self.path, self.path.with_extension("db.damaged"))).map_err(failed)?;
        for suffix in ["db-wal", "db-shm"] {
            optional(std::fs::remove_file(self.path.with_extension(suffix))).map_err(failed)?;
        }
        Ok(())
    }

    async fn connect_once(&self) -> Result<Open, HistoryError> {
        let failed = |source| HistoryError::File { path: self.path.clone(), source };
        let mut private = OpenOptions::new();
        private.read(true).write(true).create(true).truncate(false).mode(0o600);
        private.open(&self.path).map_err(failed)?;
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .pragma("trusted_schema", "OFF")
            .pragma("cache_size", "-1000")
            .disable_statement_logging();
        let mut db = options.connect().await?;
        sqlx::raw_sql(SCHEMA).execute(&mut db).await?;
        let mut numbers = HashMap::new();
        for row in sqlx::query("SELECT id, name FROM metrics").fetch_all(&mut db).await? {
            numbers.insert(row.try_get(1)?, row.try_get(0)?);
        }
        Ok(Open { db, numbers, minute: 0 })
    }

    /// Stores the samples of one second, and at the first second of a minute the intervals that are over.
    ///
    /// # Errors
    /// When the file cannot be written. The samples are lost then.
    pub async fn append(&self, samples: &Samples) -> Result<(), HistoryError> {
        let at = samples.at.div_euclid(1_000_000);
        self.with(async |open| {
            let mut row = Row::new();
            for (name, value) in &samples.values {
                if let Some(number) = open.number(name).await? {
                    row.insert(number, Stats::one(*value));
                }
            }
            open.write(Resolution::Second, at, &row).await?;
            let minute = at - at.rem_euclid(60);
            if minute != open.minute {
                open.roll(Resolution::Second, Resolution::Minute, at).await?;
                open.roll(Resolution::Minute, Resolution::Hour, at).await?;
                open.expire(at).await?;
                open.minute = minute;
            }
            Ok(())
        })
        .await
    }

    /// History of metrics, in the order of `names`. An unknown metric has no points. Times are microseconds.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn range(
        &self,
        names: &[String],
        from: i64,
        until: i64,
        resolution: Resolution,
    ) -> Result<Vec<Series>, HistoryError> {
        let seconds = (from.div_euclid(1_000_000), until.div_euclid(1_000_000));
        let mut all: Vec<Series> =
            names.iter().map(|name| Series { name: name.clone(), resolution, points: Vec::new() }).collect();
        self.with(async |open| {
            let numbers: Vec<Option<u32>> = names.iter().map(|name| open.numbers.get(name).copied()).collect();
            // A row has all metrics, and a range many rows: only the points are kept.
            open.each(resolution, seconds.0, seconds.1, |at, data| {
                for (number, stats) in entries(data) {
                    for (series, _) in all.iter_mut().zip(&numbers).filter(|(_, wanted)| **wanted == Some(number)) {
                        let point = Point { at: at * 1_000_000, min: stats.min, avg: stats.avg(), max: stats.max };
                        series.points.push(point);
                    }
                }
            })
            .await
        })
        .await?;
        Ok(all)
    }

    /// Names of the metrics that have a sample in the last hour.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn names(&self) -> Result<Vec<String>, HistoryError> {
        self.with(async |open| {
            let newest: Option<i64> = sqlx::query_scalar("SELECT MAX(at) FROM seconds").fetch_one(&mut open.db).await?;
            let newest = newest.unwrap_or_default();
            let mut current = BTreeSet::new();
            let mut note = |_: i64, data: &[u8]| current.extend(entries(data).map(|(number, _)| number));
            // Minutes stand for their seconds, of which there are many.
            open.each(Resolution::Minute, newest - Resolution::Second.kept(), i64::MAX, &mut note).await?;
            open.each(Resolution::Second, newest - 2 * Resolution::Minute.seconds(), i64::MAX, &mut note).await?;
            let mut names: Vec<String> = open
                .numbers
                .iter()
                .filter(|(_, number)| current.contains(number))
                .map(|(name, _)| name.clone())
                .collect();
            names.sort();
            Ok(names)
        })
        .await
    }

    /// Closes the file.
    pub async fn close(&self) {
        if let Some(open) = self.open.lock().await.take() {
            // The next connection repeats what fails here.
            drop(open.db.close().await);
        }
    }
}

fn is_damaged(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i64>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 11 | 26))
}

impl Open {
    /// The number of a metric; `None` if there are too many.
    async fn number(&mut self, name: &str) -> Result<Option<u32>, sqlx::Error> {
        if let Some(number) = self.numbers.get(name) {
            return Ok(Some(*number));
        }
        if self.numbers.len() >= MAX_METRICS {
            return Ok(None);
        }
        let insert = "INSERT INTO metrics (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = name RETURNING id";
        let number: u32 = sqlx::query_scalar(insert).bind(name.to_owned()).fetch_one(&mut self.db).await?;
        self.numbers.insert(name.to_owned(), number);
        Ok((number <= MAX_NUMBER).then_some(number))
    }

    async fn write(&mut self, resolution: Resolution, at: i64, row: &Row) -> Result<(), sqlx::Error> {
        let sql = format!("INSERT OR REPLACE INTO {} (at, data) VALUES (?, ?)", table(resolution));
        sqlx::query(AssertSqlSafe(sql)).bind(at).bind(encode(row)).execute(&mut self.db).await.map(drop)
    }

    /// Calls `work` with each row, in order, without keeping them.
    async fn each(
        &mut self,
        resolution: Resolution,
        from: i64,
        until: i64,
        mut work: impl FnMut(i64, &[u8]),
    ) -> Result<(), sqlx::Error> {
        let sql = format!("SELECT at, data FROM {} WHERE at >= ? AND at < ? ORDER BY at", table(resolution));
        let mut rows = sqlx::query(AssertSqlSafe(sql)).bind(from).bind(until).fetch(&mut self.db);
        while let Some(row) = rows.try_next().await? {
            work(row.try_get(0)?, row.try_get(1)?);
        }
        Ok(())
    }

    async fn rows(&mut self, resolution: Resolution, from: i64, until: i64) -> Result<Vec<(i64, Row)>, sqlx::Error> {
        let mut all = Vec::new();
        self.each(resolution, from, until, |at, data| all.push((at, decode(data)))).await?;
        Ok(all)
    }

    /// Computes the intervals of `to` that are over at `now` and not stored yet.
    async fn roll(&mut self, from: Resolution, to: Resolution, now: i64) -> Result<(), sqlx::Error> {
        let end = now - now.rem_euclid(to.seconds());
        let sql = format!("SELECT MAX(at) FROM {} WHERE at < ?", table(to));
        let newest: Option<i64> = sqlx::query_scalar(AssertSqlSafe(sql)).bind(end).fetch_one(&mut self.db).await?;
        let mut begin = newest.map_or(0, |newest| newest + to.seconds());
        // One interval at a time: after an outage there may be many, and each row has all metrics.
        let sql = format!("SELECT MIN(at) FROM {} WHERE at >= ? AND at < ?", table(from));
        loop {
            let query = sqlx::query_scalar(AssertSqlSafe(sql.as_str())).bind(begin).bind(end);
            let Some(next): Option<i64> = query.fetch_one(&mut self.db).await? else { return Ok(()) };
            let at = next - next.rem_euclid(to.seconds());
            begin = at + to.seconds();
            for (at, row) in roll_up(self.rows(from, at, begin).await?, to.seconds()) {
                self.write(to, at, &row).await?;
            }
        }
    }

    async fn expire(&mut self, now: i64) -> Result<(), sqlx::Error> {
        for resolution in Resolution::ALL {
            let sql = format!("DELETE FROM {} WHERE at < ? OR at > ?", table(resolution));
            let query = sqlx::query(AssertSqlSafe(sql)).bind(now - resolution.kept()).bind(now + FUTURE);
            query.execute(&mut self.db).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;
    /// Begin of an hour.
    const BEGIN: i64 = 1_795_780_800;

    fn samples(at: i64, value: f64) -> Samples {
        Samples { at: at * 1_000_000, values: [("cpu".to_owned(), value)].into() }
    }

    async fn points(history: &History, resolution: Resolution) -> Vec<(i64, f64, f64, f64)> {
        let series = history.range(&["cpu".into(), "none".into()], 0, i64::MAX, resolution).await.unwrap();
        assert!(series[1].points.is_empty());
        let of = |point: &Point| (point.at / 1_000_000 - BEGIN, point.min, point.avg, point.max);
        series[0].points.iter().map(of).collect()
    }

    #[tokio::test]
    async fn every_column_is_described_as_kept() {
        assert_eq!(tornado_shared::kept::METRICS.described(), crate::kept::columns(SCHEMA).await);
    }

    #[tokio::test]
    async fn intervals_are_kept_over_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.db");
        let mut history = History::new(&path);
        for second in (0..2 * HOUR + 61).step_by(20) {
            if second % 1800 == 20 {
                // Like a kill, in the middle of a minute.
                history = History::new(&path);
            }
            history.append(&samples(BEGIN + second, f64::from(i32::try_from(second % 60).unwrap()))).await.unwrap();
        }
        let minutes = points(&history, Resolution::Minute).await;
        assert_eq!(minutes.len(), 121);
        assert!(minutes.iter().all(|(at, min, avg, max)| at % 60 == 0 && (*min, *avg, *max) == (0.0, 20.0, 40.0)));
        assert_eq!(points(&history, Resolution::Hour).await, [(0, 0.0, 20.0, 40.0), (HOUR, 0.0, 20.0, 40.0)]);
        let seconds = points(&history, Resolution::Second).await;
        assert!((180..=184).contains(&seconds.len()), "{} of an hour", seconds.len());
        assert_eq!(history.names().await.unwrap(), ["cpu"]);
    }

    #[tokio::test]
    async fn a_clock_that_jumps_leaves_no_rows_in_the_future() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::new(&dir.path().join("metrics.db"));
        history.append(&samples(BEGIN + 900 * HOUR, 9.0)).await.unwrap();
        history.append(&samples(BEGIN + 901 * HOUR, 9.0)).await.unwrap();
        for second in 0..130 {
            history.append(&samples(BEGIN + second, 1.0)).await.unwrap();
        }
        assert_eq!(points(&history, Resolution::Minute).await, [(0, 1.0, 1.0, 1.0), (60, 1.0, 1.0, 1.0)]);
        assert_eq!(points(&history, Resolution::Second).await.len(), 130);
    }

    #[tokio::test]
    async fn a_damaged_file_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.db");
        std::fs::write(&path, vec![7; 9000]).unwrap();
        let history = History::new(&path);
        history.append(&samples(BEGIN, 1.0)).await.unwrap();
        assert_eq!(points(&history, Resolution::Second).await.len(), 1);
        assert!(dir.path().join("metrics.db.damaged").exists());
    }
    #[tokio::test]
    async fn damage_that_is_found_later_costs_one_sample() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.db");
        let history = History::new(&path);
        for second in 0..200 {
            history.append(&samples(BEGIN + second, 1.0)).await.unwrap();
        }
        history.close().await;
        // Everything behind the schema.
        let length = usize::try_from(std::fs::metadata(&path).unwrap().len()).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(4096);
        bytes.resize(length, 7);
        std::fs::write(&path, bytes).unwrap();
        let results =
            [history.append(&samples(BEGIN + 300, 2.0)).await, history.append(&samples(BEGIN + 301, 2.0)).await];
        assert!(results[1].is_ok(), "{results:?}");
        assert!(dir.path().join("metrics.db.damaged").exists());
        assert!(points(&history, Resolution::Second).await.iter().all(|(_, value, ..)| *value == 2.0));
    }
}
