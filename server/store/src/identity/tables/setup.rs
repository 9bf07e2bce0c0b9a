//! Table `setup_code`: the one-time code that creates the first operator.

use crate::StoreError;
use crate::identity::model::Hash;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::UnixSeconds;

pub async fn put(db: &mut AnyConnection, code_hash: &Hash, expires_at: UnixSeconds) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO setup_code (one, code_hash, expires_at) VALUES (1, $1, $2)
         ON CONFLICT (one) DO UPDATE SET code_hash = excluded.code_hash, expires_at = excluded.expires_at",
    )
    .bind(code_hash.to_vec())
    .bind(expires_at)
    .execute(db)
    .await?;
    Ok(())
}

pub async fn get(db: &mut AnyConnection, now: UnixSeconds) -> Result<Option<Hash>, StoreError> {
    let row =
        sqlx::query("SELECT code_hash FROM setup_code WHERE expires_at > $1").bind(now).fetch_optional(db).await?;
    let Some(row) = row else { return Ok(None) };
    let bytes: Vec<u8> = row.try_get("code_hash")?;
    bytes.try_into().map(Some).map_err(|_| StoreError::Damaged("setup_code.code_hash"))
}

/// Uses the code. Of two concurrent calls only one succeeds.
pub async fn take(db: &mut AnyConnection, code_hash: &Hash, now: UnixSeconds) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM setup_code WHERE code_hash = $1 AND expires_at > $2")
        .bind(code_hash.to_vec())
        .bind(now)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn prune(db: &mut AnyConnection, now: UnixSeconds) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM setup_code WHERE expires_at <= $1").bind(now).execute(db).await?;
    Ok(done.rows_affected())
}
