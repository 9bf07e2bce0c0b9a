//! Table `settings`.

use crate::StoreError;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::UnixSeconds;

pub async fn get(db: &mut AnyConnection, name: &str) -> Result<Option<String>, StoreError> {
    let query = sqlx::query("SELECT value FROM settings WHERE name = $1");
    let row = query.bind(name).fetch_optional(db).await?;
    row.map(|row| Ok(row.try_get("value")?)).transpose()
}

pub async fn put(db: &mut AnyConnection, name: &str, value: &str, now: UnixSeconds) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET value = $2, updated_at = $3",
    )
    .bind(name)
    .bind(value)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

pub async fn remove(db: &mut AnyConnection, name: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM settings WHERE name = $1").bind(name).execute(db).await?;
    Ok(())
}
