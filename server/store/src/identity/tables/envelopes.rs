//! Table `spent_envelopes`: ephemeral keys of accepted login envelopes. Each is accepted once.

use crate::StoreError;
use crate::identity::model::Hash;
use crate::statement::{changes_one, execute, values};
use sqlx::AnyConnection;
use tornado_shared::model::UnixSeconds;

pub async fn spend(db: &mut AnyConnection, key_hash: &Hash, expires_at: UnixSeconds) -> Result<bool, StoreError> {
    let query = "INSERT INTO spent_envelopes (key_hash, expires_at) VALUES ($1, $2) ON CONFLICT (key_hash) DO NOTHING";
    changes_one(db, query, values![key_hash, expires_at]).await
}

pub async fn prune(db: &mut AnyConnection, now: UnixSeconds) -> Result<u64, StoreError> {
    execute(db, "DELETE FROM spent_envelopes WHERE expires_at <= $1", values![now]).await
}
