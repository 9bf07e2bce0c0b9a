//! Table `operators`.

use crate::StoreError;
use crate::identity::model::{OperatorChange, OperatorRow, PutOutcome};
use crate::statement::columns::parsed;
use crate::statement::{all, count, execute, exists, first, values};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::{OperatorId, Username};

/// Creates an operator or changes the given fields. The caller rolls back if no owner is left.
pub async fn put(db: &mut AnyConnection, change: &OperatorChange) -> Result<PutOutcome, StoreError> {
    let before = find(db, &change.name).await?;
    let (role, name, now) = (change.role.as_deref(), &change.name, change.now);
    match (&before, &change.password_hash) {
        (None, None) => return Ok(PutOutcome::NeedsPassword),
        (None, Some(hash)) => {
            let query = "INSERT INTO operators (id, name, password_hash, role, created_at, updated_at)
                         VALUES ($1, $2, $3, $4, $5, $5)";
            execute(db, query, values![change.id, name, hash.as_str(), role.unwrap_or("owner"), now]).await?;
        }
        (Some(before), hash) => {
            let (hash, role) = (hash.as_ref().unwrap_or(&before.password_hash), role.unwrap_or(&before.role));
            let query = "UPDATE operators SET password_hash = $1, role = $2, updated_at = $3 WHERE name = $4";
            execute(db, query, values![hash.as_str(), role, now, name]).await?;
        }
    }
    if owners(db).await? == 0 {
        return Ok(PutOutcome::LastOwner);
    }
    Ok(find(db, name).await?.map_or(PutOutcome::Gone, PutOutcome::Put))
}

pub async fn find_by_id(db: &mut AnyConnection, id: OperatorId) -> Result<Option<OperatorRow>, StoreError> {
    let query = "SELECT id, name, password_hash, role, created_at FROM operators WHERE id = $1";
    first(db, query, values![id], from_row).await
}

pub async fn find(db: &mut AnyConnection, name: &Username) -> Result<Option<OperatorRow>, StoreError> {
    let query = "SELECT id, name, password_hash, role, created_at FROM operators WHERE name = $1";
    first(db, query, values![name], from_row).await
}

pub async fn list(db: &mut AnyConnection) -> Result<Vec<OperatorRow>, StoreError> {
    let query = "SELECT id, name, password_hash, role, created_at FROM operators ORDER BY name";
    all(db, query, values![], from_row).await
}

/// Removes an operator. The caller has deleted the operator's sign-ins, and rolls back if no owner is left.
pub async fn remove(db: &mut AnyConnection, id: OperatorId) -> Result<bool, StoreError> {
    execute(db, "DELETE FROM operators WHERE id = $1", values![id]).await?;
    Ok(owners(db).await? > 0)
}

async fn owners(db: &mut AnyConnection) -> Result<i64, StoreError> {
    count(db, "SELECT COUNT(*) AS n FROM operators WHERE role = 'owner'", values![]).await
}

pub fn from_row(row: &AnyRow) -> Result<OperatorRow, StoreError> {
    Ok(OperatorRow {
        id: parsed(row, "operators.id")?,
        name: parsed(row, "operators.name")?,
        password_hash: row.try_get("password_hash")?,
        role: row.try_get("role")?,
        created_at: row.try_get("created_at")?,
    })
}

pub async fn any(db: &mut AnyConnection) -> Result<bool, StoreError> {
    exists(db, "SELECT id FROM operators LIMIT 1", values![]).await
}
