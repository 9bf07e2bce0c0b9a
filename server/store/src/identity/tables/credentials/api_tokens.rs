//! Table `api_tokens`.

use crate::StoreError;
use crate::identity::model::{ApiTokenRow, Hash, NewApiToken, OperatorRow};
use crate::identity::tables::operators;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::{OperatorId, UnixSeconds};
use uuid::Uuid;

/// Seconds for which an expired token is kept, so that a list shows why a program no longer works.
const KEPT_EXPIRED: i64 = 30 * 86_400;

/// Returns false if the operator has a token with this name.
pub async fn insert(db: &mut AnyConnection, new: &NewApiToken) -> Result<bool, StoreError> {
    let query = sqlx::query(
        "INSERT INTO api_tokens (id, operator_id, name, token_hash, scopes, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (operator_id, name) DO NOTHING",
    )
    .bind(new.id.to_string())
    .bind(new.operator.to_string())
    .bind(new.name.as_str())
    .bind(new.token_hash.to_vec())
    .bind(new.scopes.as_str())
    .bind(new.now)
    .bind(new.expires_at);
    Ok(query.execute(db).await?.rows_affected() == 1)
}

pub async fn count(db: &mut AnyConnection, operator: OperatorId) -> Result<i64, StoreError> {
    let query = sqlx::query("SELECT COUNT(*) AS tokens FROM api_tokens WHERE operator_id = $1");
    Ok(query.bind(operator.to_string()).fetch_one(db).await?.try_get("tokens")?)
}

/// A token and its operator, even if it has expired.
pub async fn find(db: &mut AnyConnection, token_hash: &Hash) -> Result<Option<(ApiTokenRow, OperatorRow)>, StoreError> {
    let row = sqlx::query(
        "SELECT t.id AS token, t.name AS token_name, t.scopes AS scopes, t.created_at AS token_created_at,
                t.expires_at AS expires_at, t.used_at AS used_at, o.id AS id, o.name AS name,
                o.password_hash AS password_hash, o.role AS role, o.created_at AS created_at
         FROM api_tokens t JOIN operators o ON o.id = t.operator_id WHERE t.token_hash = $1",
    )
    .bind(token_hash.to_vec())
    .fetch_optional(db)
    .await?;
    row.map(|row| Ok((from_row(&row)?, operators::from_row(&row)?))).transpose()
}

pub async fn list(db: &mut AnyConnection) -> Result<Vec<ApiTokenRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT t.id AS token, t.name AS token_name, t.scopes AS scopes, t.created_at AS token_created_at,
                t.expires_at AS expires_at, t.used_at AS used_at, o.name AS name
         FROM api_tokens t JOIN operators o ON o.id = t.operator_id ORDER BY o.name, t.name",
    )
    .fetch_all(db)
    .await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &AnyRow) -> Result<ApiTokenRow, StoreError> {
    let (id, operator): (String, String) = (row.try_get("token")?, row.try_get("name")?);
    Ok(ApiTokenRow {
        id: id.parse().map_err(|_| StoreError::Damaged("api_tokens.id"))?,
        operator: operator.parse().map_err(|_| StoreError::Damaged("operators.name"))?,
        name: row.try_get("token_name")?,
        scopes: row.try_get("scopes")?,
        created_at: row.try_get("token_created_at")?,
        expires_at: row.try_get("expires_at")?,
        used_at: row.try_get("used_at")?,
    })
}

pub async fn touch(db: &mut AnyConnection, id: Uuid, now: UnixSeconds) -> Result<(), StoreError> {
    let query = sqlx::query("UPDATE api_tokens SET used_at = $1 WHERE id = $2");
    query.bind(now).bind(id.to_string()).execute(db).await?;
    Ok(())
}

pub async fn end(db: &mut AnyConnection, id: Uuid) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM api_tokens WHERE id = $1").bind(id.to_string()).execute(db).await?;
    Ok(done.rows_affected() == 1)
}

pub async fn end_all(db: &mut AnyConnection, operator: OperatorId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM api_tokens WHERE operator_id = $1").bind(operator.to_string()).execute(db).await?;
    Ok(())
}

pub async fn prune(db: &mut AnyConnection, now: UnixSeconds) -> Result<u64, StoreError> {
    let query = sqlx::query("DELETE FROM api_tokens WHERE expires_at <= $1");
    Ok(query.bind(now.saturating_sub(KEPT_EXPIRED)).execute(db).await?.rows_affected())
}
