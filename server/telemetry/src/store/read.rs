//! Reads one day file, with a deadline.

use super::compile::Condition;
use super::day::{bind_all, options};
use super::error::ArchiveError;
use super::id::LineId;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _, SqliteConnection};
use std::path::Path;
use std::time::Instant;
use tornado_log::line::{Level, Line, ProcessId};

/// SQLite asks for the deadline after this many of its instructions.
const CHECK_EVERY: i32 = 10_000;
/// Groups of one day; the most frequent ones are kept.
const MAX_GROUPS: i64 = 20_000;

/// What is selected in one day file.
pub(super) struct Part<'a> {
    pub condition: &'a Condition,
    /// First and last row.
    pub rows: (i64, i64),
}

/// A group of lines: its key, all lines, errors.
pub(super) type Group<K> = (K, u64, u64);

/// A connection that cannot write and stops at a deadline.
pub(super) struct Reader {
    day: i64,
    db: SqliteConnection,
}

impl Reader {
    pub(super) async fn open(path: &Path, day: i64, deadline: Instant) -> Result<Self, ArchiveError> {
        let connect = async {
            let mut db = options(path).read_only(true).pragma("query_only", "ON").connect().await?;
            db.lock_handle().await?.set_progress_handler(CHECK_EVERY, move || Instant::now() < deadline);
            Ok(Self { day, db })
        };
        connect.await.map_err(|error| ArchiveError::of_day(day, error))
    }

    /// At most `limit` lines, in order of their position.
    pub(super) async fn lines(
        &mut self,
        part: &Part<'_>,
        newest_first: bool,
        limit: u32,
    ) -> Result<Vec<(LineId, Line)>, sqlx::Error> {
        let Condition { from, id, sql, .. } = part.condition;
        let order = if newest_first { "DESC" } else { "ASC" };
        let sql = format!(
            "SELECT l.id, l.level, (SELECT name FROM names WHERE id = l.service), \
             (SELECT name FROM names WHERE id = l.target), l.process, l.seq, l.request, l.message, l.fields \
             FROM {from} WHERE {sql} AND {id} BETWEEN ? AND ? ORDER BY {id} {order} LIMIT ?"
        );
        let query = bind_all(sqlx::query(AssertSqlSafe(sql)), &part.condition.binds);
        let rows = query.bind(part.rows.0).bind(part.rows.1).bind(i64::from(limit)).fetch_all(&mut self.db).await?;
        rows.iter().map(|row| stored_line(self.day, row)).collect()
    }

    /// Number of lines.
    pub(super) async fn count(&mut self, part: &Part<'_>) -> Result<u64, sqlx::Error> {
        let Condition { from, id, sql, .. } = part.condition;
        let sql = format!("SELECT COUNT(*) FROM {from} WHERE {sql} AND {id} BETWEEN ? AND ?");
        let query = bind_all(sqlx::query(AssertSqlSafe(sql)), &part.condition.binds);
        let row = query.bind(part.rows.0).bind(part.rows.1).fetch_one(&mut self.db).await?;
        Ok(row.try_get::<i64, _>(0)?.cast_unsigned())
    }

    /// Lines and errors by interval of the day and service.
    pub(super) async fn by_service(
        &mut self,
        part: &Part<'_>,
        step: i64,
    ) -> Result<Vec<Group<(i64, String)>>, sqlx::Error> {
        let key = format!("{}, (SELECT name FROM names WHERE id = l.service)", LineId::interval_sql(step));
        let rows = self.groups(part, &key, "1, 2").await?;
        rows.iter().map(|row| Ok(((row.try_get(0)?, row.try_get(1)?), unsigned(row, 2)?, unsigned(row, 3)?))).collect()
    }

    /// Lines by interval of the day and level.
    pub(super) async fn by_level(
        &mut self,
        part: &Part<'_>,
        step: i64,
    ) -> Result<Vec<Group<(i64, Level)>>, sqlx::Error> {
        let rows = self.groups(part, &format!("{}, l.level", LineId::interval_sql(step)), "1, 2").await?;
        rows.iter().map(|row| Ok(((row.try_get(0)?, level(row, 1)?), unsigned(row, 2)?, unsigned(row, 3)?))).collect()
    }

    /// The most frequent values of one column.
    pub(super) async fn top(&mut self, part: &Part<'_>, column: TopColumn) -> Result<Vec<Group<String>>, sqlx::Error> {
        let key = match column {
            TopColumn::Service => "(SELECT name FROM names WHERE id = l.service)",
            TopColumn::Target => "(SELECT name FROM names WHERE id = l.target)",
            TopColumn::Message => "l.message",
        };
        let rows = self.groups(part, key, "1").await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, unsigned(row, 1)?, unsigned(row, 2)?))).collect()
    }

    async fn groups(&mut self, part: &Part<'_>, key: &str, by: &str) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let Condition { from, id, sql, .. } = part.condition;
        let sql = format!(
            "SELECT {key}, COUNT(*) AS lines, SUM(l.level = 1) FROM {from} WHERE {sql} AND {id} BETWEEN ? AND ? \
             GROUP BY {by} ORDER BY lines DESC LIMIT {MAX_GROUPS}"
        );
        let query = bind_all(sqlx::query(AssertSqlSafe(sql)), &part.condition.binds);
        query.bind(part.rows.0).bind(part.rows.1).fetch_all(&mut self.db).await
    }
}

/// A column whose values [`Reader::top`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopColumn {
    /// The service.
    Service,
    /// The target.
    Target,
    /// The message.
    Message,
}

fn unsigned(row: &SqliteRow, column: usize) -> Result<u64, sqlx::Error> {
    Ok(row.try_get::<i64, _>(column)?.cast_unsigned())
}

fn level(row: &SqliteRow, column: usize) -> Result<Level, sqlx::Error> {
    let number = row.try_get(column)?;
    Level::from_number(number).ok_or_else(|| sqlx::Error::Decode(format!("level {number}").into()))
}

fn stored_line(day: i64, row: &SqliteRow) -> Result<(LineId, Line), sqlx::Error> {
    let id = LineId { day, row: row.try_get(0)? };
    let fields: Option<String> = row.try_get(8)?;
    let line = Line {
        time: id.time(),
        level: level(row, 1)?,
        service: row.try_get(2)?,
        target: row.try_get(3)?,
        process: ProcessId(row.try_get::<i64, _>(4)?.cast_unsigned()),
        seq: unsigned(row, 5)?,
        request_id: row.try_get(6)?,
        message: row.try_get(7)?,
        fields: fields.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
    };
    Ok((id, line))
}
