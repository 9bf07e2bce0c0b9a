//! One day file, open for writing.

use super::compile::{Bind, Condition};
use super::cursors::{Cursor, Stored};
use super::id::LineId;
use super::ledger::Held;
use crate::query::matches::fields_text;
use sqlx::sqlite::{
    SqliteArguments, SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, Sqlite, SqliteConnection};
use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;
use tornado_log::line::Line;

/// `id` is [`LineId::row`]. The full-text index has no copy of the text: a deletion passes the text to it again. `held`
/// counts the lines of each process; `bound` is the largest number that a damaged file of this day had held.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS lines (
    id INTEGER PRIMARY KEY,
    level INTEGER NOT NULL,
    service INTEGER NOT NULL,
    target INTEGER NOT NULL,
    process INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    request TEXT,
    message TEXT NOT NULL,
    fields TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS by_request ON lines (request) WHERE request IS NOT NULL;
CREATE INDEX IF NOT EXISTS severe ON lines (id) WHERE level <= 2;
CREATE VIRTUAL TABLE IF NOT EXISTS search
    USING fts5 (message, fields, content = '', columnsize = 0, tokenize = 'unicode61 remove_diacritics 2');
CREATE TRIGGER IF NOT EXISTS added AFTER INSERT ON lines BEGIN
    INSERT INTO search (rowid, message, fields) VALUES (new.id, new.message, new.fields);
END;
CREATE TRIGGER IF NOT EXISTS removed AFTER DELETE ON lines BEGIN
    INSERT INTO search (search, rowid, message, fields) VALUES ('delete', old.id, old.message, old.fields);
END;
CREATE TABLE IF NOT EXISTS cursors (service TEXT PRIMARY KEY, generation INTEGER NOT NULL, state TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS held (
    process INTEGER PRIMARY KEY,
    service TEXT NOT NULL,
    lines INTEGER NOT NULL DEFAULT 0,
    newest INTEGER NOT NULL DEFAULT 0,
    bound INTEGER NOT NULL DEFAULT 0,
    again INTEGER NOT NULL DEFAULT 0,
    latest INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TRIGGER IF NOT EXISTS counted AFTER INSERT ON lines BEGIN
    UPDATE held SET lines = lines + 1, newest = max(newest, new.seq), again = again + (new.seq <= bound), latest = new.id
        WHERE process = new.process;
END;
CREATE TRIGGER IF NOT EXISTS uncounted AFTER DELETE ON lines BEGIN
    UPDATE held SET lines = lines - 1 WHERE process = old.process;
END;
";

/// Without it the index only notes that a line is gone (sqlite.org/fts5.html §6.11).
const BEFORE_DELETION: &str =
    "PRAGMA secure_delete = ON; INSERT INTO search (search, rank) VALUES ('secure-delete', 1)";
const AFTER_DELETION: &str = "PRAGMA incremental_vacuum; PRAGMA secure_delete = OFF; PRAGMA wal_checkpoint(TRUNCATE)";

/// The latest processes. A service has few; the limit is for one that invents them.
const HELD: &str = "SELECT service, process, lines, newest, again FROM \
     (SELECT * FROM held WHERE lines > 0 ORDER BY latest DESC LIMIT 1000) ORDER BY latest";

/// Rows of one INSERT.
const ROWS: usize = 64;
/// Lines deleted in one transaction.
const DELETE_AT_ONCE: i64 = 5_000;
/// Names held in memory.
const MAX_NAMES: usize = 10_000;

type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

/// An open day file.
pub(super) struct DayFile {
    day: i64,
    db: SqliteConnection,
    names: HashMap<String, i64>,
}

/// Options of every connection.
pub(super) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(5))
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging()
}

fn insert_sql(rows: usize) -> String {
    let values = vec!["(?, ?, ?, ?, ?, ?, ?, ?, ?)"; rows].join(", ");
    format!(
        "INSERT OR IGNORE INTO lines (id, level, service, target, process, seq, request, message, fields) VALUES {values}"
    )
}

impl DayFile {
    /// Opens or creates the file, which only this user can read. `lost` is what a damaged file of this day held.
    pub(super) async fn open(path: &Path, day: i64, lost: &[Held]) -> Result<Self, sqlx::Error> {
        private_file(path)?;
        let options = options(path)
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .pragma("cache_size", "-2000");
        let mut db = options.connect().await?;
        sqlx::raw_sql(SCHEMA).execute(&mut db).await?;
        for held in lost {
            sqlx::query("INSERT OR IGNORE INTO held (process, service, bound) VALUES (?, ?, ?)")
                .bind(held.process.cast_signed())
                .bind(held.service.clone())
                .bind(held.newest.cast_signed())
                .execute(&mut db)
                .await?;
        }
        Ok(Self { day, db, names: HashMap::new() })
    }

    /// The number of lines by process, in the order of the latest line.
    pub(super) async fn held(&mut self) -> Result<Vec<Held>, sqlx::Error> {
        let rows = sqlx::query(HELD);
        let held = |row: &SqliteRow| -> Result<Held, sqlx::Error> {
            let number = |column: usize| row.try_get::<i64, _>(column).map(i64::cast_unsigned);
            let (service, process) = (row.try_get(0)?, number(1)?);
            Ok(Held { service, process, lines: number(2)?, newest: number(3)?, again: number(4)? })
        };
        rows.fetch_all(&mut self.db).await?.iter().map(held).collect()
    }

    pub(super) const fn day(&self) -> i64 {
        self.day
    }

    /// Stores lines, which are sorted by [`LineId`] and belong to this day, and the positions that follow them, in one
    /// transaction. Lines that are stored already are skipped.
    pub(super) async fn store<L: Borrow<Line> + Sync>(
        &mut self,
        lines: &[(LineId, L)],
        cursors: &[Cursor],
        generation: i64,
    ) -> Result<Stored, sqlx::Error> {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut self.db).await?;
        let mut stored = Stored::default();
        let mut processes: BTreeMap<u64, String> = BTreeMap::new();
        for (_, line) in lines {
            let line: &Line = line.borrow();
            processes.entry(line.process.0).or_insert_with(|| line.service.clone());
        }
        for (process, service) in processes {
            sqlx::query("INSERT OR IGNORE INTO held (process, service) VALUES (?, ?)")
                .bind(process.cast_signed())
                .bind(service)
                .execute(&mut self.db)
                .await?;
        }
        for chunk in lines.chunks(ROWS) {
            stored += self.insert(chunk).await?;
        }
        for cursor in cursors {
            let state = serde_json::to_string(cursor).unwrap_or_default();
            sqlx::query("INSERT OR REPLACE INTO cursors (service, generation, state) VALUES (?, ?, ?)")
                .bind(cursor.service.clone())
                .bind(generation)
                .bind(state)
                .execute(&mut self.db)
                .await?;
        }
        sqlx::query("COMMIT").execute(&mut self.db).await?;
        Ok(stored)
    }

    async fn insert<L: Borrow<Line> + Sync>(&mut self, chunk: &[(LineId, L)]) -> Result<Stored, sqlx::Error> {
        let all = chunk.len() as u64;
        let mut inserted = if chunk.len() == ROWS {
            self.insert_rows(chunk).await?
        } else {
            let mut inserted = 0;
            for one in chunk.chunks(1) {
                inserted += self.insert_rows(one).await?;
            }
            inserted
        };
        if inserted < all {
            for (id, line) in chunk {
                inserted += self.insert_beside(*id, line.borrow()).await?;
            }
        }
        Ok(Stored { new: inserted, repeated: all - inserted })
    }

    async fn insert_rows<L: Borrow<Line> + Sync>(&mut self, rows: &[(LineId, L)]) -> Result<u64, sqlx::Error> {
        let mut names = Vec::with_capacity(rows.len());
        for (_, line) in rows {
            let line: &Line = line.borrow();
            names.push((self.name(&line.service).await?, self.name(&line.target).await?));
        }
        let mut query = sqlx::query(AssertSqlSafe(insert_sql(rows.len())));
        for ((id, line), (service, target)) in rows.iter().zip(names) {
            query = bind_line(query, id.row, line.borrow(), service, target);
        }
        Ok(query.execute(&mut self.db).await?.rows_affected())
    }

    /// Inserts a line whose position may be occupied by another line. Returns 0 if it is stored already.
    async fn insert_beside(&mut self, id: LineId, line: &Line) -> Result<u64, sqlx::Error> {
        let mut id = id;
        loop {
            let found = sqlx::query("SELECT process, seq FROM lines WHERE id = ?").bind(id.row);
            let found = found.fetch_optional(&mut self.db).await?;
            match found {
                None => return self.insert_rows(&[(id, line)]).await,
                Some(row) => {
                    let (process, seq): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
                    if process.cast_unsigned() == line.process.0 && seq.cast_unsigned() == line.seq {
                        return Ok(0);
                    }
                    id.row += 1;
                }
            }
        }
    }

    /// The number of a name.
    async fn name(&mut self, name: &str) -> Result<i64, sqlx::Error> {
        if let Some(id) = self.names.get(name) {
            return Ok(*id);
        }
        sqlx::query("INSERT OR IGNORE INTO names (name) VALUES (?)")
            .bind(name.to_owned())
            .execute(&mut self.db)
            .await?;
        let id = sqlx::query_scalar("SELECT id FROM names WHERE name = ?").bind(name.to_owned());
        let id: i64 = id.fetch_one(&mut self.db).await?;
        if self.names.len() >= MAX_NAMES {
            self.names.clear();
        }
        self.names.insert(name.to_owned(), id);
        Ok(id)
    }

    /// Deletes the lines that match and lie in `rows`, and returns the space to the file system. The text is
    /// overwritten where SQLite can do so, also in the index.
    pub(super) async fn delete(&mut self, condition: &Condition, rows: (i64, i64)) -> Result<u64, sqlx::Error> {
        let sql = format!(
            "DELETE FROM lines WHERE id IN (SELECT l.id FROM lines l WHERE l.id BETWEEN ? AND ? AND {} LIMIT {DELETE_AT_ONCE})",
            condition.sql
        );
        sqlx::raw_sql(BEFORE_DELETION).execute(&mut self.db).await?;
        let mut deleted = 0;
        loop {
            let query = sqlx::query(AssertSqlSafe(sql.clone())).bind(rows.0).bind(rows.1);
            let count = bind_all(query, &condition.binds).execute(&mut self.db).await?.rows_affected();
            deleted += count;
            if count == 0 {
                break;
            }
        }
        sqlx::raw_sql(AFTER_DELETION).execute(&mut self.db).await?;
        Ok(deleted)
    }

    /// Writes the log of changes into the file and closes it.
    pub(super) async fn close(self) {
        // The next connection repeats what fails here.
        drop(self.db.close().await);
    }

    /// The positions in this file, with their generations.
    pub(super) async fn cursors(&mut self) -> Result<BTreeMap<String, (i64, Cursor)>, sqlx::Error> {
        let rows = sqlx::query("SELECT generation, state FROM cursors").fetch_all(&mut self.db).await?;
        let mut cursors = BTreeMap::new();
        for row in rows {
            let (generation, state): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
            if let Ok(cursor) = serde_json::from_str::<Cursor>(&state) {
                cursors.insert(cursor.service.clone(), (generation, cursor));
            }
        }
        Ok(cursors)
    }
}

fn bind_line<'q>(query: Query<'q>, row: i64, line: &Line, service: i64, target: i64) -> Query<'q> {
    let fields = Some(fields_text(&line.fields)).filter(|text| !text.is_empty());
    query
        .bind(row)
        .bind(i64::from(line.level.number()))
        .bind(service)
        .bind(target)
        .bind(line.process.0.cast_signed())
        .bind(line.seq.cast_signed())
        .bind(line.request_id.clone())
        .bind(line.message.clone())
        .bind(fields)
}

pub(super) fn bind_all<'q>(query: Query<'q>, binds: &[Bind]) -> Query<'q> {
    binds.iter().fold(query, |query, bind| match bind {
        Bind::Int(number) => query.bind(*number),
        Bind::Real(number) => query.bind(*number),
        Bind::Text(text) => query.bind(text.clone()),
    })
}

/// SQLite creates its `-wal` and `-shm` files with the same mode.
fn private_file(path: &Path) -> io::Result<()> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

#[cfg(test)]
mod tests {
    use super::SCHEMA;

    #[tokio::test]
    async fn every_column_is_described_as_kept() {
        assert_eq!(tornado_shared::kept::LOGS.described(), crate::kept::columns(SCHEMA).await);
    }
}
