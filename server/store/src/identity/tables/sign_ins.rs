//! Table `operator_sign_ins`.

use super::operators;
use crate::StoreError;
use crate::identity::model::{Hash, NewSignIn, OperatorRow, SignInRow};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::{OperatorId, UnixSeconds};
use uuid::Uuid;

pub async fn insert(db: &mut AnyConnection, new: &NewSignIn) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO operator_sign_ins (id, operator_id, token_hash, created_at, expires_at, confirmed_at,
                                        used_at, address)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(new.id.to_string())
    .bind(new.operator.to_string())
    .bind(new.token_hash.to_vec())
    .bind(new.now)
    .bind(new.expires_at)
    .bind(new.now)
    .bind(new.now)
    .bind(new.address.as_str())
    .execute(db)
    .await?;
    Ok(())
}

pub async fn find(
    db: &mut AnyConnection,
    token_hash: &Hash,
    now: UnixSeconds,
) -> Result<Option<(Uuid, OperatorRow)>, StoreError> {
    let row = sqlx::query(
        "SELECT s.id AS sign_in, o.id AS id, o.name AS name, o.password_hash AS password_hash, o.role AS role,
                o.created_at AS created_at
         FROM operator_sign_ins s JOIN operators o ON o.id = s.operator_id
         WHERE s.token_hash = $1 AND s.expires_at > $2",
    )
    .bind(token_hash.to_vec())
    .bind(now)
    .fetch_optional(db)
    .await?;
    row.map(|row| Ok((id(row.try_get("sign_in")?)?, operators::from_row(&row)?))).transpose()
}

pub async fn list(db: &mut AnyConnection, now: UnixSeconds) -> Result<Vec<SignInRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT s.id AS id, o.name AS name, s.created_at AS created_at, s.expires_at AS expires_at,
                s.used_at AS used_at, s.address AS address
         FROM operator_sign_ins s JOIN operators o ON o.id = s.operator_id
         WHERE s.expires_at > $1 ORDER BY s.created_at DESC, s.id",
    )
    .bind(now)
    .fetch_all(db)
    .await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &AnyRow) -> Result<SignInRow, StoreError> {
    let name: String = row.try_get("name")?;
    Ok(SignInRow {
        id: id(row.try_get("id")?)?,
        operator: name.parse().map_err(|_| StoreError::Damaged("operators.name"))?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
        used_at: row.try_get("used_at")?,
        address: row.try_get("address")?,
    })
}

fn id(text: String) -> Result<Uuid, StoreError> {
    text.parse().map_err(|_| StoreError::Damaged("operator_sign_ins.id"))
}

/// Time of the latest confirmation of the password. `None`: the sign-in does not exist.
pub async fn confirmed_at(db: &mut AnyConnection, id: Uuid) -> Result<Option<UnixSeconds>, StoreError> {
    let row = sqlx::query("SELECT confirmed_at FROM operator_sign_ins WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(db)
        .await?;
    row.map(|row| Ok(row.try_get("confirmed_at")?)).transpose()
}

pub async fn confirm(db: &mut AnyConnection, id: Uuid, now: UnixSeconds) -> Result<bool, StoreError> {
    let query = sqlx::query("UPDATE operator_sign_ins SET confirmed_at = $1 WHERE id = $2");
    Ok(query.bind(now).bind(id.to_string()).execute(db).await?.rows_affected() == 1)
}

pub async fn touch(db: &mut AnyConnection, id: Uuid, now: UnixSeconds) -> Result<(), StoreError> {
    let query = sqlx::query("UPDATE operator_sign_ins SET used_at = $1 WHERE id = $2");
    query.bind(now).bind(id.to_string()).execute(db).await?;
    Ok(())
}

pub async fn end(db: &mut AnyConnection, id: Uuid) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM operator_sign_ins WHERE id = $1").bind(id.to_string()).execute(db).await?;
    Ok(done.rows_affected() == 1)
}

pub async fn end_all(db: &mut AnyConnection, operator: OperatorId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM operator_sign_ins WHERE operator_id = $1").bind(operator.to_string()).execute(db).await?;
    Ok(())
}

pub async fn prune(db: &mut AnyConnection, now: UnixSeconds) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM operator_sign_ins WHERE expires_at <= $1").bind(now).execute(db).await?;
    Ok(done.rows_affected())
}
