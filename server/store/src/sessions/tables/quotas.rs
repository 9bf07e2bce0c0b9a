//! Table `allowances`: quotas of accounts.

use crate::StoreError;
use crate::sessions::model::MonthQuota;
use crate::statement::columns::{number, parsed};
use crate::statement::{execute, for_users, placeholders, values};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use std::collections::HashMap;
use tornado_shared::model::UserId;

pub async fn of_users(db: &mut AnyConnection, users: &[UserId]) -> Result<HashMap<UserId, MonthQuota>, StoreError> {
    let these = placeholders(users);
    let query = format!("SELECT user_id, month, base, quota FROM allowances WHERE user_id IN ({these})");
    let read = |row: &AnyRow| {
        let (base, quota) = (number(row, "base")?, number(row, "quota")?);
        Ok((parsed(row, "user_id")?, MonthQuota { month: row.try_get("month")?, base, quota }))
    };
    for_users(db, query, users).await?.iter().map(read).collect()
}

pub async fn of_user(db: &mut AnyConnection, user: UserId) -> Result<Option<MonthQuota>, StoreError> {
    Ok(of_users(db, &[user]).await?.remove(&user))
}

/// Changes only rows of an earlier month. Keeps a quota that was changed in the meantime.
pub async fn begin_month(db: &mut AnyConnection, user: UserId, month: i64, base: u64) -> Result<(), StoreError> {
    let query = "UPDATE allowances SET month = $2, base = $3 WHERE user_id = $1 AND month < $2";
    execute(db, query, values![user, month, base]).await.map(drop)
}

/// Sets the quota. The first base of a month stays: a later write for the same month, or for an earlier one after the
/// clock was set back, changes only the quota.
pub async fn put(db: &mut AnyConnection, user: UserId, new: MonthQuota) -> Result<MonthQuota, StoreError> {
    const PUT: &str = "INSERT INTO allowances (user_id, month, base, quota) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (user_id) DO UPDATE SET quota = excluded.quota, \
         base = CASE WHEN excluded.month > allowances.month THEN excluded.base ELSE allowances.base END, \
         month = CASE WHEN excluded.month > allowances.month THEN excluded.month ELSE allowances.month END";
    execute(db, PUT, values![user, new.month, new.base, new.quota]).await?;
    of_user(db, user).await?.ok_or(StoreError::Damaged("allowances"))
}

pub async fn forget(db: &mut AnyConnection, user: UserId) -> Result<(), StoreError> {
    execute(db, "DELETE FROM allowances WHERE user_id = $1", values![user]).await.map(drop)
}
