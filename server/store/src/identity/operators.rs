//! Table `operators`.

use super::{NewOperator, OperatorRow};
use crate::StoreError;
use sqlx::{AnyConnection, Row as _};

pub(super) async fn put(db: &mut AnyConnection, operator: &NewOperator) -> Result<OperatorRow, StoreError> {
    sqlx::query(
        "INSERT INTO operators (id, name, password_hash, role, created_at, updated_at)
         VALUES ($1, $2, $3, 'owner', $4, $5)
         ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash, updated_at = excluded.updated_at",
    )
    .bind(operator.id.to_string())
    .bind(operator.name.as_str())
    .bind(operator.password_hash.as_str())
    .bind(operator.now)
    .bind(operator.now)
    .execute(&mut *db)
    .await?;
    let row = sqlx::query("SELECT id, name, password_hash, created_at FROM operators WHERE name = $1")
        .bind(operator.name.as_str())
        .fetch_one(db)
        .await?;
    let id: String = row.try_get("id")?;
    let name: String = row.try_get("name")?;
    Ok(OperatorRow {
        id: id.parse().map_err(|_| StoreError::Damaged("operators.id"))?,
        name: name.parse().map_err(|_| StoreError::Damaged("operators.name"))?,
        password_hash: row.try_get("password_hash")?,
        created_at: row.try_get("created_at")?,
    })
}

pub(super) async fn any(db: &mut AnyConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query("SELECT id FROM operators LIMIT 1").fetch_optional(db).await?.is_some())
}
