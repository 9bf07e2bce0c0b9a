//! Table `operator_sign_ins`.

use super::operators;
use crate::StoreError;
use crate::identity::model::{Hash, NewSignIn, OperatorRow, SignInRow};
use crate::statement::columns::{parsed, parsed_as};
use crate::statement::{all, changes_one, execute, first, values};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::{OperatorId, UnixSeconds};
use uuid::Uuid;

pub async fn insert(db: &mut AnyConnection, new: &NewSignIn) -> Result<(), StoreError> {
    let query = "INSERT INTO operator_sign_ins (id, operator_id, token_hash, created_at, expires_at, confirmed_at,
                                                used_at, address)
                 VALUES ($1, $2, $3, $4, $5, $4, $4, $6)";
    let values = values![new.id, new.operator, new.token_hash, new.now, new.expires_at, new.address.as_str()];
    execute(db, query, values).await.map(drop)
}

pub async fn find(
    db: &mut AnyConnection,
    token_hash: &Hash,
    now: UnixSeconds,
) -> Result<Option<(Uuid, OperatorRow)>, StoreError> {
    let query = "SELECT s.id AS sign_in, o.id AS id, o.name AS name, o.password_hash AS password_hash, o.role AS role,
                        o.created_at AS created_at
                 FROM operator_sign_ins s JOIN operators o ON o.id = s.operator_id
                 WHERE s.token_hash = $1 AND s.expires_at > $2";
    let read = |row: &AnyRow| Ok((parsed_as(row, "sign_in", "operator_sign_ins.id")?, operators::from_row(row)?));
    first(db, query, values![token_hash, now], read).await
}

pub async fn list(db: &mut AnyConnection, now: UnixSeconds) -> Result<Vec<SignInRow>, StoreError> {
    let query = "SELECT s.id AS id, o.name AS name, s.created_at AS created_at, s.expires_at AS expires_at,
                        s.used_at AS used_at, s.address AS address
                 FROM operator_sign_ins s JOIN operators o ON o.id = s.operator_id
                 WHERE s.expires_at > $1 ORDER BY s.created_at DESC, s.id";
    all(db, query, values![now], from_row).await
}

fn from_row(row: &AnyRow) -> Result<SignInRow, StoreError> {
    Ok(SignInRow {
        id: parsed(row, "operator_sign_ins.id")?,
        operator: parsed(row, "operators.name")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
        used_at: row.try_get("used_at")?,
        address: row.try_get("address")?,
    })
}

/// Time of the latest confirmation of the password. `None`: the sign-in does not exist.
pub async fn confirmed_at(db: &mut AnyConnection, id: Uuid) -> Result<Option<UnixSeconds>, StoreError> {
    let query = "SELECT confirmed_at FROM operator_sign_ins WHERE id = $1";
    first(db, query, values![id], |row| Ok(row.try_get("confirmed_at")?)).await
}

pub async fn confirm(db: &mut AnyConnection, id: Uuid, now: UnixSeconds) -> Result<bool, StoreError> {
    changes_one(db, "UPDATE operator_sign_ins SET confirmed_at = $1 WHERE id = $2", values![now, id]).await
}

pub async fn touch(db: &mut AnyConnection, id: Uuid, now: UnixSeconds) -> Result<(), StoreError> {
    execute(db, "UPDATE operator_sign_ins SET used_at = $1 WHERE id = $2", values![now, id]).await.map(drop)
}

pub async fn end(db: &mut AnyConnection, id: Uuid) -> Result<bool, StoreError> {
    changes_one(db, "DELETE FROM operator_sign_ins WHERE id = $1", values![id]).await
}

pub async fn end_all(db: &mut AnyConnection, operator: OperatorId) -> Result<(), StoreError> {
    execute(db, "DELETE FROM operator_sign_ins WHERE operator_id = $1", values![operator]).await.map(drop)
}

pub async fn prune(db: &mut AnyConnection, now: UnixSeconds) -> Result<u64, StoreError> {
    execute(db, "DELETE FROM operator_sign_ins WHERE expires_at <= $1", values![now]).await
}
