//! Table `operator_passkeys`.

use crate::StoreError;
use crate::identity::model::{PasskeyRow, UsedPasskey};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::OperatorId;
use uuid::Uuid;

/// Returns false if the credential is already registered.
pub async fn insert(db: &mut AnyConnection, new: &PasskeyRow) -> Result<bool, StoreError> {
    let query = sqlx::query(
        "INSERT INTO operator_passkeys (id, operator_id, name, credential_id, passkey, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (credential_id) DO NOTHING",
    )
    .bind(new.id.to_string())
    .bind(new.operator.to_string())
    .bind(new.name.as_str())
    .bind(new.credential_id.as_slice())
    .bind(new.passkey.as_str())
    .bind(new.created_at);
    Ok(query.execute(db).await?.rows_affected() == 1)
}

/// Passkeys of an operator, oldest first.
pub async fn of(db: &mut AnyConnection, operator: OperatorId) -> Result<Vec<PasskeyRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, name, credential_id, passkey, created_at, used_at FROM operator_passkeys
         WHERE operator_id = $1 ORDER BY created_at, id",
    )
    .bind(operator.to_string())
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| from_row(row, operator)).collect()
}

fn from_row(row: &AnyRow, operator: OperatorId) -> Result<PasskeyRow, StoreError> {
    let id: String = row.try_get("id")?;
    Ok(PasskeyRow {
        id: id.parse().map_err(|_| StoreError::Damaged("operator_passkeys.id"))?,
        operator,
        name: row.try_get("name")?,
        credential_id: row.try_get("credential_id")?,
        passkey: row.try_get("passkey")?,
        created_at: row.try_get("created_at")?,
        used_at: row.try_get("used_at")?,
    })
}

/// Returns false if the passkey does not exist.
pub async fn used(db: &mut AnyConnection, used: &UsedPasskey) -> Result<bool, StoreError> {
    let query = sqlx::query("UPDATE operator_passkeys SET passkey = $1, used_at = $2 WHERE id = $3")
        .bind(used.passkey.as_str())
        .bind(used.now)
        .bind(used.id.to_string());
    Ok(query.execute(db).await?.rows_affected() == 1)
}

/// Returns false if the operator does not have the passkey.
pub async fn remove(db: &mut AnyConnection, operator: OperatorId, id: Uuid) -> Result<bool, StoreError> {
    let query = sqlx::query("DELETE FROM operator_passkeys WHERE id = $1 AND operator_id = $2");
    Ok(query.bind(id.to_string()).bind(operator.to_string()).execute(db).await?.rows_affected() == 1)
}

pub async fn remove_all(db: &mut AnyConnection, operator: OperatorId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM operator_passkeys WHERE operator_id = $1").bind(operator.to_string()).execute(db).await?;
    Ok(())
}
