//! Table `allowances`: accounts with a quota.

use super::Allowance;
use crate::StoreError;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::UserId;

pub(super) async fn of_user(db: &mut AnyConnection, user: UserId) -> Result<Option<Allowance>, StoreError> {
    let query = "SELECT month, base, quota FROM allowances WHERE user_id = $1";
    let Some(row) = sqlx::query(query).bind(user.to_string()).fetch_optional(db).await? else { return Ok(None) };
    let bytes = |name: &'static str| -> Result<u64, StoreError> {
        let stored: i64 = row.try_get(name)?;
        u64::try_from(stored).map_err(|_| StoreError::Damaged(name))
    };
    Ok(Some(Allowance { month: row.try_get("month")?, base: bytes("base")?, quota: bytes("quota")? }))
}

/// The base of a month is what was written first: a later writer of the same month, or of an earlier one by a clock
/// that was set back, changes the quota only.
pub(super) async fn put(db: &mut AnyConnection, user: UserId, new: Allowance) -> Result<Allowance, StoreError> {
    const PUT: &str = "INSERT INTO allowances (user_id, month, base, quota) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (user_id) DO UPDATE SET quota = excluded.quota, \
         base = CASE WHEN excluded.month > allowances.month THEN excluded.base ELSE allowances.base END, \
         month = CASE WHEN excluded.month > allowances.month THEN excluded.month ELSE allowances.month END";
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let put = sqlx::query(PUT).bind(user.to_string()).bind(new.month);
    put.bind(signed(new.base)).bind(signed(new.quota)).execute(&mut *db).await?;
    of_user(db, user).await?.ok_or(StoreError::Damaged("allowances"))
}

pub(super) async fn forget(db: &mut AnyConnection, user: UserId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM allowances WHERE user_id = $1").bind(user.to_string()).execute(db).await?;
    Ok(())
}
