//! Rows of one table: read as a stream, written in batches, and summed on both sides.

use super::end::{End, TransferError};
use super::tables::{Kind, Table};
use crate::statement::{Value, statement};
use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

/// Number of values per statement. The limit is 32,766 in SQLite and 65,535 in PostgreSQL.
const VALUES: usize = 8_000;

/// Contents of a table: the number of rows, and a digest that does not depend on their order, because engines return
/// rows in any order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) rows: u64,
    mix: [u8; 32],
}

impl Sum {
    fn add(&mut self, row: &[Value]) {
        let mut digest = Sha256::new();
        let mut field = |kind: u8, bytes: Option<&[u8]>| {
            digest.update([kind, u8::from(bytes.is_some())]);
            let bytes = bytes.unwrap_or_default();
            digest.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(bytes);
        };
        for value in row {
            match value {
                Value::Integer(number) => field(0, number.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice)),
                Value::Text(text) => field(1, text.as_deref().map(str::as_bytes)),
                Value::Blob(bytes) => field(2, bytes.as_deref()),
            }
        }
        let digest: [u8; 32] = digest.finalize().into();
        self.mix.iter_mut().zip(digest).for_each(|(mixed, byte)| *mixed ^= byte);
        self.rows += 1;
    }
}

/// Sends all rows. Returns their sum.
pub(super) async fn send(table: &Table, from: &mut End<'_>, to: &mut End<'_>) -> Result<Sum, TransferError> {
    let mut sum = Sum::default();
    let group = (VALUES / table.columns.len().max(1)).max(1);
    let select = select(table, from);
    let mut rows = sqlx::query(AssertSqlSafe(select)).fetch(&mut *from.db);
    let mut waiting = Vec::with_capacity(group);
    while let Some(row) = rows.try_next().await? {
        let row = values(table, &row)?;
        sum.add(&row);
        waiting.push(row);
        if waiting.len() == group {
            write(table, to, std::mem::take(&mut waiting)).await?;
        }
    }
    write(table, to, waiting).await?;
    Ok(sum)
}

/// Sum of the rows in a table.
pub(super) async fn sum(table: &Table, end: &mut End<'_>) -> Result<Sum, TransferError> {
    let mut sum = Sum::default();
    let select = select(table, end);
    let mut rows = sqlx::query(AssertSqlSafe(select)).fetch(&mut *end.db);
    while let Some(row) = rows.try_next().await? {
        sum.add(&values(table, &row)?);
    }
    Ok(sum)
}

/// Casts integers to 64 bits, regardless of the width that the engine uses.
fn select(table: &Table, end: &End<'_>) -> String {
    let column = |(name, kind): &(String, Kind)| match kind {
        Kind::Integer => format!("CAST({name} AS BIGINT) AS {name}"),
        Kind::Text | Kind::Blob => name.clone(),
    };
    let columns: Vec<String> = table.columns.iter().map(column).collect();
    format!("SELECT {} FROM {}", columns.join(", "), end.name(&table.name))
}

fn values(table: &Table, row: &AnyRow) -> Result<Vec<Value>, TransferError> {
    let value = |(name, kind): &(String, Kind)| {
        Ok(match kind {
            Kind::Integer => Value::Integer(row.try_get(name.as_str())?),
            Kind::Text => Value::Text(row.try_get(name.as_str())?),
            Kind::Blob => Value::Blob(row.try_get(name.as_str())?),
        })
    };
    table.columns.iter().map(value).collect()
}

async fn write(table: &Table, to: &mut End<'_>, rows: Vec<Vec<Value>>) -> Result<(), TransferError> {
    if rows.is_empty() {
        return Ok(());
    }
    let width = table.columns.len();
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| name.as_str()).collect();
    let places = |row: usize| {
        let places: Vec<String> = (1..=width).map(|column| format!("${}", row * width + column)).collect();
        format!("({})", places.join(", "))
    };
    let places: Vec<String> = (0..rows.len()).map(places).collect();
    let insert = format!("INSERT INTO {} ({}) VALUES {}", to.name(&table.name), names.join(", "), places.join(", "));
    // Not cached, because batches differ in length.
    statement(AssertSqlSafe(insert), rows.into_iter().flatten().collect())
        .persistent(false)
        .execute(&mut *to.db)
        .await?;
    Ok(())
}
