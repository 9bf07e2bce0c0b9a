//! Columns of a schema, for the tests that compare them with what `tornado_shared::kept` describes.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Executor as _, Row as _};

/// All columns of a schema as `table.column`, without the tables in which an index for searches keeps its words.
pub async fn columns(schema: &'static str) -> Vec<String> {
    const ALL: &str = "SELECT tables.name || '.' || columns.name AS name FROM sqlite_master AS tables \
         JOIN pragma_table_info(tables.name) AS columns WHERE tables.type = 'table' \
         AND tables.name NOT LIKE 'search!_%' ESCAPE '!'";
    let mut db = SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
    db.execute(sqlx::raw_sql(schema)).await.unwrap();
    let mut all: Vec<String> =
        sqlx::query(ALL).fetch_all(&mut db).await.unwrap().iter().map(|row| row.get("name")).collect();
    all.sort();
    all
}
