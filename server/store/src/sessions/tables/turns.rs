//! Table `turns`: serialises the connects of one account across all gateways.

use crate::StoreError;
use crate::statement::{execute, values};
use sqlx::AnyConnection;
use tornado_shared::model::UserId;

/// Waits until no other transaction connects a device of the account. The lock is held until the transaction ends.
pub async fn take(tx: &mut AnyConnection, user: UserId) -> Result<(), StoreError> {
    const TAKE: &str = "INSERT INTO turns (user_id, taken) VALUES ($1, 1) \
         ON CONFLICT (user_id) DO UPDATE SET taken = turns.taken + 1";
    execute(tx, TAKE, values![user]).await.map(drop)
}
