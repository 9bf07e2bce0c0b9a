//! Reads the list of tables from SQLite.

use super::end::TransferError;
use sqlx::{AnyConnection, Row as _};

/// Column type that both engines support.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// 64 bits, signed.
    Integer,
    /// UTF-8 text.
    Text,
    /// Bytes.
    Blob,
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<(String, Kind)>,
    /// Tables that it references.
    needs: Vec<String>,
}

/// All tables except the record of migrations, each after the tables that it references.
pub(super) async fn read(sqlite: &mut AnyConnection, record: &str) -> Result<Vec<Table>, TransferError> {
    let names = sqlx::query(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND name <> $1
         ORDER BY name",
    )
    .bind(record.to_owned())
    .fetch_all(&mut *sqlite)
    .await?;
    let mut waiting = Vec::with_capacity(names.len());
    for row in names {
        waiting.push(table(sqlite, row.try_get("name")?).await?);
    }
    let mut ordered: Vec<Table> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let is_there = |need: &String| ordered.iter().any(|table| table.name == *need);
        let is_free = |table: &Table| table.needs.iter().all(|need| *need == table.name || is_there(need));
        // A cycle would be a bug of the schema. The remaining tables are then copied in any order, and the constraints
        // decide.
        let next = waiting.iter().position(is_free).unwrap_or_default();
        ordered.push(waiting.remove(next));
    }
    Ok(ordered)
}

async fn table(sqlite: &mut AnyConnection, name: String) -> Result<Table, TransferError> {
    let query = sqlx::query("SELECT name, type FROM pragma_table_info($1) ORDER BY cid").bind(name.clone());
    let mut columns = Vec::new();
    for row in query.fetch_all(&mut *sqlite).await? {
        let (column, kind): (String, String) = (row.try_get("name")?, row.try_get("type")?);
        let kind = match kind.as_str() {
            "INTEGER" => Kind::Integer,
            "TEXT" => Kind::Text,
            "BLOB" => Kind::Blob,
            _ => return Err(TransferError::Column(format!("{name}.{column}"))),
        };
        columns.push((column, kind));
    }
    let query = sqlx::query("SELECT \"table\" AS needed FROM pragma_foreign_key_list($1)").bind(name.clone());
    let rows = query.fetch_all(sqlite).await?;
    let needs = rows.iter().map(|row| row.try_get("needed")).collect::<Result<_, _>>()?;
    Ok(Table { name, columns, needs })
}
