//! Tables `audit_rows` and `audit_head`.

use crate::identity::chain::row_hash;
use crate::identity::model::{AuditFilter, AuditHead, Authority, Hash, NewAudit, StoredAudit};
use crate::statement::{all, execute, exists, first, values};
use crate::{StoreError, Verified};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

/// Appends a row. Must be the first statement in the transaction of the act, so that both are written or neither is. It
/// serialises acts, so that none sees its authority or its subject half-changed.
pub async fn append(db: &mut AnyConnection, row: &NewAudit) -> Result<(), StoreError> {
    // Locks the head: the next writer waits here until this one has committed.
    execute(db, "UPDATE audit_head SET seq = seq + 1 WHERE one = 1", values![]).await?;
    check(db, row).await?;
    let AuditHead { seq, hash } = head(db).await?;
    let hash = row_hash(&hash, seq, row);
    let NewAudit { at, actor, action, subject, outcome, details, authority: _ } = row.clone();
    let insert = "INSERT INTO audit_rows (seq, at, actor, action, subject, outcome, details, hash)
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    execute(db, insert, values![seq, at, actor, action, subject, outcome, details, hash]).await?;
    execute(db, "UPDATE audit_head SET hash = $1 WHERE one = 1", values![hash]).await.map(drop)
}

/// Checks the authority again. Acts of operators that remove an authority append a row, too, so they wait for this one.
/// A logout may come between this check and the commit; the act then counts as earlier.
async fn check(db: &mut AnyConnection, row: &NewAudit) -> Result<(), StoreError> {
    let (holds, what) = match &row.authority {
        Authority::Caller => return Ok(()),
        Authority::SignIn { id, role } => {
            let query = "SELECT s.id AS id FROM operator_sign_ins s JOIN operators o ON o.id = s.operator_id
                         WHERE s.id = $1 AND s.expires_at > $2 AND o.role = $3";
            (exists(db, query, values![*id, row.at, role.as_str()]).await?, Verified::SignIn)
        }
        Authority::ApiToken { id, role } => {
            let query = "SELECT t.id AS id FROM api_tokens t JOIN operators o ON o.id = t.operator_id
                         WHERE t.id = $1 AND t.expires_at > $2 AND o.role = $3";
            (exists(db, query, values![*id, row.at, role.as_str()]).await?, Verified::ApiToken)
        }
        Authority::Login(family) => {
            let query = "SELECT f.id AS id FROM token_families f
                         JOIN users u ON u.id = f.user_id JOIN devices d ON d.id = f.device_id
                         WHERE f.id = $1 AND f.revoked_at IS NULL AND d.removed_at IS NULL
                           AND u.is_active = 1 AND u.deleted_at IS NULL";
            (exists(db, query, values![*family]).await?, Verified::Login)
        }
    };
    if holds { Ok(()) } else { Err(StoreError::Lapsed(what)) }
}

pub async fn head(db: &mut AnyConnection) -> Result<AuditHead, StoreError> {
    let row = sqlx::query("SELECT seq, hash FROM audit_head WHERE one = 1").fetch_one(db).await?;
    Ok(AuditHead { seq: row.try_get("seq")?, hash: hash(&row)? })
}

pub async fn row(db: &mut AnyConnection, seq: i64) -> Result<Option<StoredAudit>, StoreError> {
    let query = "SELECT seq, at, actor, action, subject, outcome, details, hash FROM audit_rows WHERE seq = $1";
    first(db, query, values![seq], from_row).await
}

pub async fn after(db: &mut AnyConnection, seq: i64, limit: i64) -> Result<Vec<StoredAudit>, StoreError> {
    let query = "SELECT seq, at, actor, action, subject, outcome, details, hash FROM audit_rows
                 WHERE seq > $1 ORDER BY seq LIMIT $2";
    all(db, query, values![seq, limit], from_row).await
}

/// Empty texts do not filter, so one query serves all filters.
pub async fn list(db: &mut AnyConnection, filter: &AuditFilter) -> Result<Vec<StoredAudit>, StoreError> {
    let AuditFilter { before, action, actor, limit } = filter;
    let query = "SELECT seq, at, actor, action, subject, outcome, details, hash FROM audit_rows
                 WHERE seq < $1 AND substr(action, 1, length($2)) = $2 AND ($3 = '' OR actor = $3)
                 ORDER BY seq DESC LIMIT $4";
    all(db, query, values![*before, action.as_str(), actor.as_str(), *limit], from_row).await
}

fn from_row(row: &AnyRow) -> Result<StoredAudit, StoreError> {
    let content = NewAudit {
        at: row.try_get("at")?,
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        subject: row.try_get("subject")?,
        outcome: row.try_get("outcome")?,
        details: row.try_get("details")?,
        authority: Authority::Caller,
    };
    Ok(StoredAudit { seq: row.try_get("seq")?, content, hash: hash(row)? })
}

fn hash(row: &AnyRow) -> Result<Hash, StoreError> {
    let bytes: Vec<u8> = row.try_get("hash")?;
    bytes.try_into().map_err(|_| StoreError::Damaged("audit hash"))
}
