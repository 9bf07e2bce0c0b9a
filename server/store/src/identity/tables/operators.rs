//! Table `operators`.

use crate::StoreError;
use crate::identity::model::{OperatorChange, OperatorRow, PutOutcome};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::{OperatorId, Username};

/// Creates an operator or changes the given fields. The caller rolls back if no owner is left.
pub async fn put(db: &mut AnyConnection, change: &OperatorChange) -> Result<PutOutcome, StoreError> {
    let before = find(db, &change.name).await?;
    let role = change.role.as_deref();
    match (&before, &change.password_hash) {
        (None, None) => return Ok(PutOutcome::NeedsPassword),
        (None, Some(hash)) => {
            sqlx::query(
                "INSERT INTO operators (id, name, password_hash, role, created_at, updated_at)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(change.id.to_string())
            .bind(change.name.as_str())
            .bind(hash.as_str())
            .bind(role.unwrap_or("owner"))
            .bind(change.now)
            .bind(change.now)
            .execute(&mut *db)
            .await?;
        }
        (Some(before), hash) => {
            sqlx::query("UPDATE operators SET password_hash = $1, role = $2, updated_at = $3 WHERE name = $4")
                .bind(hash.as_ref().unwrap_or(&before.password_hash).as_str())
                .bind(role.unwrap_or(&before.role))
                .bind(change.now)
                .bind(change.name.as_str())
                .execute(&mut *db)
                .await?;
        }
    }
    if owners(db).await? == 0 {
        return Ok(PutOutcome::LastOwner);
    }
    Ok(find(db, &change.name).await?.map_or(PutOutcome::Gone, PutOutcome::Put))
}

pub async fn find_by_id(db: &mut AnyConnection, id: OperatorId) -> Result<Option<OperatorRow>, StoreError> {
    let query = sqlx::query("SELECT id, name, password_hash, role, created_at FROM operators WHERE id = $1");
    let row = query.bind(id.to_string()).fetch_optional(db).await?;
    row.map(|row| from_row(&row)).transpose()
}

pub async fn find(db: &mut AnyConnection, name: &Username) -> Result<Option<OperatorRow>, StoreError> {
    let row = sqlx::query("SELECT id, name, password_hash, role, created_at FROM operators WHERE name = $1")
        .bind(name.as_str())
        .fetch_optional(db)
        .await?;
    row.map(|row| from_row(&row)).transpose()
}

pub async fn list(db: &mut AnyConnection) -> Result<Vec<OperatorRow>, StoreError> {
    let query = "SELECT id, name, password_hash, role, created_at FROM operators ORDER BY name";
    sqlx::query(query).fetch_all(db).await?.iter().map(from_row).collect()
}

/// Removes an operator. The caller has deleted the operator's sign-ins, and rolls back if no owner is left.
pub async fn remove(db: &mut AnyConnection, id: OperatorId) -> Result<bool, StoreError> {
    sqlx::query("DELETE FROM operators WHERE id = $1").bind(id.to_string()).execute(&mut *db).await?;
    Ok(owners(db).await? > 0)
}

async fn owners(db: &mut AnyConnection) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT COUNT(*) AS n FROM operators WHERE role = 'owner'").fetch_one(db).await?;
    Ok(row.try_get("n")?)
}

pub fn from_row(row: &AnyRow) -> Result<OperatorRow, StoreError> {
    let id: String = row.try_get("id")?;
    let name: String = row.try_get("name")?;
    Ok(OperatorRow {
        id: id.parse().map_err(|_| StoreError::Damaged("operators.id"))?,
        name: name.parse().map_err(|_| StoreError::Damaged("operators.name"))?,
        password_hash: row.try_get("password_hash")?,
        role: row.try_get("role")?,
        created_at: row.try_get("created_at")?,
    })
}

pub async fn any(db: &mut AnyConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query("SELECT id FROM operators LIMIT 1").fetch_optional(db).await?.is_some())
}
