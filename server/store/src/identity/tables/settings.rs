//! Table `settings`.

use crate::StoreError;
use crate::statement::{execute, first, values};
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::UnixSeconds;

pub async fn get(db: &mut AnyConnection, name: &str) -> Result<Option<String>, StoreError> {
    let query = "SELECT value FROM settings WHERE name = $1";
    first(db, query, values![name], |row| Ok(row.try_get("value")?)).await
}

pub async fn put(db: &mut AnyConnection, name: &str, value: &str, now: UnixSeconds) -> Result<(), StoreError> {
    let query = "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3)
                 ON CONFLICT (name) DO UPDATE SET value = $2, updated_at = $3";
    execute(db, query, values![name, value, now]).await.map(drop)
}

pub async fn remove(db: &mut AnyConnection, name: &str) -> Result<(), StoreError> {
    execute(db, "DELETE FROM settings WHERE name = $1", values![name]).await.map(drop)
}
