//! Table `spent_envelopes`: ephemeral keys of accepted login envelopes. Each is accepted once.

use crate::StoreError;
use crate::identity::model::Hash;
use sqlx::AnyConnection;
use tornado_shared::model::UnixSeconds;

pub async fn spend(db: &mut AnyConnection, key_hash: &Hash, expires_at: UnixSeconds) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO spent_envelopes (key_hash, expires_at) VALUES ($1, $2) ON CONFLICT (key_hash) DO NOTHING",
    )
    .bind(key_hash.to_vec())
    .bind(expires_at)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn prune(db: &mut AnyConnection, now: UnixSeconds) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM spent_envelopes WHERE expires_at <= $1").bind(now).execute(db).await?;
    Ok(done.rows_affected())
}
