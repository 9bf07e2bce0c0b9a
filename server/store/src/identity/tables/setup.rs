//! Table `setup_code`: the one-time code that creates the first operator.

use crate::StoreError;
use crate::identity::model::Hash;
use crate::statement::{changes_one, execute, first, values};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::UnixSeconds;

pub async fn put(db: &mut AnyConnection, code_hash: &Hash, expires_at: UnixSeconds) -> Result<(), StoreError> {
    let query = "INSERT INTO setup_code (one, code_hash, expires_at) VALUES (1, $1, $2)
                 ON CONFLICT (one) DO UPDATE SET code_hash = excluded.code_hash, expires_at = excluded.expires_at";
    execute(db, query, values![code_hash, expires_at]).await.map(drop)
}

pub async fn get(db: &mut AnyConnection, now: UnixSeconds) -> Result<Option<Hash>, StoreError> {
    let hash = |row: &AnyRow| {
        let bytes: Vec<u8> = row.try_get("code_hash")?;
        bytes.try_into().map_err(|_| StoreError::Damaged("setup_code.code_hash"))
    };
    first(db, "SELECT code_hash FROM setup_code WHERE expires_at > $1", values![now], hash).await
}

/// Uses the code. Of two concurrent calls only one succeeds.
pub async fn take(db: &mut AnyConnection, code_hash: &Hash, now: UnixSeconds) -> Result<bool, StoreError> {
    changes_one(db, "DELETE FROM setup_code WHERE code_hash = $1 AND expires_at > $2", values![code_hash, now]).await
}

pub async fn prune(db: &mut AnyConnection, now: UnixSeconds) -> Result<u64, StoreError> {
    execute(db, "DELETE FROM setup_code WHERE expires_at <= $1", values![now]).await
}
