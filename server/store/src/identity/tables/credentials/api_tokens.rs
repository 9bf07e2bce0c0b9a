//! Table `api_tokens`.

use crate::StoreError;
use crate::identity::model::{ApiTokenRow, Hash, NewApiToken, OperatorRow};
use crate::identity::tables::operators;
use crate::statement::columns::parsed_as;
use crate::statement::{all, changes_one, count, execute, first, values};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::{OperatorId, UnixSeconds};
use uuid::Uuid;

/// Seconds for which an expired token is kept, so that a list shows why a program no longer works.
const KEPT_EXPIRED: i64 = 30 * 86_400;

/// Returns false if the operator has a token with this name.
pub async fn insert(db: &mut AnyConnection, new: &NewApiToken) -> Result<bool, StoreError> {
    let query = "INSERT INTO api_tokens (id, operator_id, name, token_hash, scopes, created_at, expires_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (operator_id, name) DO NOTHING";
    let (name, scopes) = (new.name.as_str(), new.scopes.as_str());
    let values = values![new.id, new.operator, name, new.token_hash, scopes, new.now, new.expires_at];
    changes_one(db, query, values).await
}

pub async fn count_of(db: &mut AnyConnection, operator: OperatorId) -> Result<i64, StoreError> {
    count(db, "SELECT COUNT(*) AS n FROM api_tokens WHERE operator_id = $1", values![operator]).await
}

/// A token and its operator, even if it has expired.
pub async fn find(db: &mut AnyConnection, token_hash: &Hash) -> Result<Option<(ApiTokenRow, OperatorRow)>, StoreError> {
    let query = "SELECT t.id AS token, t.name AS token_name, t.scopes AS scopes, t.created_at AS token_created_at,
                        t.expires_at AS expires_at, t.used_at AS used_at, o.id AS id, o.name AS name,
                        o.password_hash AS password_hash, o.role AS role, o.created_at AS created_at
                 FROM api_tokens t JOIN operators o ON o.id = t.operator_id WHERE t.token_hash = $1";
    first(db, query, values![token_hash], |row| Ok((from_row(row)?, operators::from_row(row)?))).await
}

pub async fn list(db: &mut AnyConnection) -> Result<Vec<ApiTokenRow>, StoreError> {
    let query = "SELECT t.id AS token, t.name AS token_name, t.scopes AS scopes, t.created_at AS token_created_at,
                        t.expires_at AS expires_at, t.used_at AS used_at, o.name AS name
                 FROM api_tokens t JOIN operators o ON o.id = t.operator_id ORDER BY o.name, t.name";
    all(db, query, values![], from_row).await
}

fn from_row(row: &AnyRow) -> Result<ApiTokenRow, StoreError> {
    Ok(ApiTokenRow {
        id: parsed_as(row, "token", "api_tokens.id")?,
        operator: parsed_as(row, "name", "operators.name")?,
        name: row.try_get("token_name")?,
        scopes: row.try_get("scopes")?,
        created_at: row.try_get("token_created_at")?,
        expires_at: row.try_get("expires_at")?,
        used_at: row.try_get("used_at")?,
    })
}

pub async fn touch(db: &mut AnyConnection, id: Uuid, now: UnixSeconds) -> Result<(), StoreError> {
    execute(db, "UPDATE api_tokens SET used_at = $1 WHERE id = $2", values![now, id]).await.map(drop)
}

pub async fn end(db: &mut AnyConnection, id: Uuid) -> Result<bool, StoreError> {
    changes_one(db, "DELETE FROM api_tokens WHERE id = $1", values![id]).await
}

pub async fn end_all(db: &mut AnyConnection, operator: OperatorId) -> Result<(), StoreError> {
    execute(db, "DELETE FROM api_tokens WHERE operator_id = $1", values![operator]).await.map(drop)
}

pub async fn prune(db: &mut AnyConnection, now: UnixSeconds) -> Result<u64, StoreError> {
    let query = "DELETE FROM api_tokens WHERE expires_at <= $1";
    execute(db, query, values![now.saturating_sub(KEPT_EXPIRED)]).await
}
