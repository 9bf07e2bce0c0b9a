//! Table `operator_passkeys`.

use crate::StoreError;
use crate::identity::model::{PasskeyRow, UsedPasskey};
use crate::statement::columns::parsed;
use crate::statement::{all, changes_one, execute, values};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::OperatorId;
use uuid::Uuid;

/// Returns false if the credential is already registered.
pub async fn insert(db: &mut AnyConnection, new: &PasskeyRow) -> Result<bool, StoreError> {
    let query = "INSERT INTO operator_passkeys (id, operator_id, name, credential_id, passkey, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (credential_id) DO NOTHING";
    let (name, credential, passkey) = (new.name.as_str(), new.credential_id.as_slice(), new.passkey.as_str());
    changes_one(db, query, values![new.id, new.operator, name, credential, passkey, new.created_at]).await
}

/// Passkeys of an operator, oldest first.
pub async fn of(db: &mut AnyConnection, operator: OperatorId) -> Result<Vec<PasskeyRow>, StoreError> {
    let query = "SELECT id, name, credential_id, passkey, created_at, used_at FROM operator_passkeys
                 WHERE operator_id = $1 ORDER BY created_at, id";
    all(db, query, values![operator], |row| from_row(row, operator)).await
}

fn from_row(row: &AnyRow, operator: OperatorId) -> Result<PasskeyRow, StoreError> {
    Ok(PasskeyRow {
        id: parsed(row, "operator_passkeys.id")?,
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
    let query = "UPDATE operator_passkeys SET passkey = $1, used_at = $2 WHERE id = $3";
    changes_one(db, query, values![used.passkey.as_str(), used.now, used.id]).await
}

/// Returns false if the operator does not have the passkey.
pub async fn remove(db: &mut AnyConnection, operator: OperatorId, id: Uuid) -> Result<bool, StoreError> {
    changes_one(db, "DELETE FROM operator_passkeys WHERE id = $1 AND operator_id = $2", values![id, operator]).await
}

pub async fn remove_all(db: &mut AnyConnection, operator: OperatorId) -> Result<(), StoreError> {
    execute(db, "DELETE FROM operator_passkeys WHERE operator_id = $1", values![operator]).await.map(drop)
}
