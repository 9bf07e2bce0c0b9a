//! Table `allowances`: quotas of accounts.

use super::{MonthQuota, rows};
use crate::{StoreError, signed};
use sqlx::{AnyConnection, Row as _};
use std::collections::HashMap;
use tornado_shared::model::UserId;

pub(super) async fn of_users(
    db: &mut AnyConnection,
    users: &[UserId],
) -> Result<HashMap<UserId, MonthQuota>, StoreError> {
    if users.is_empty() {
        return Ok(HashMap::new());
    }
    let these = rows::places(users.len());
    let query = format!("SELECT user_id, month, base, quota FROM allowances WHERE user_id IN ({these})");
    let mut query = sqlx::query(sqlx::AssertSqlSafe(query)).persistent(false);
    for user in users {
        query = query.bind(user.to_string());
    }
    let found = query.fetch_all(db).await?;
    found
        .iter()
        .map(|row| {
            let bytes = |name: &'static str| -> Result<u64, StoreError> {
                let stored: i64 = row.try_get(name)?;
                u64::try_from(stored).map_err(|_| StoreError::Damaged(name))
            };
            let quota = MonthQuota { month: row.try_get("month")?, base: bytes("base")?, quota: bytes("quota")? };
            Ok((rows::parsed(row, "user_id")?, quota))
        })
        .collect()
}

pub(super) async fn of_user(db: &mut AnyConnection, user: UserId) -> Result<Option<MonthQuota>, StoreError> {
    Ok(of_users(db, &[user]).await?.remove(&user))
}

/// Changes only rows of an earlier month. Keeps a quota that was changed in the meantime.
pub(super) async fn begin_month(db: &mut AnyConnection, user: UserId, month: i64, base: u64) -> Result<(), StoreError> {
    sqlx::query("UPDATE allowances SET month = $2, base = $3 WHERE user_id = $1 AND month < $2")
        .bind(user.to_string())
        .bind(month)
        .bind(signed(base))
        .execute(db)
        .await?;
    Ok(())
}

/// Sets the quota. The first base of a month stays: a later write for the same month, or for an earlier one after the
/// clock was set back, changes only the quota.
pub(super) async fn put(db: &mut AnyConnection, user: UserId, new: MonthQuota) -> Result<MonthQuota, StoreError> {
    const PUT: &str = "INSERT INTO allowances (user_id, month, base, quota) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (user_id) DO UPDATE SET quota = excluded.quota, \
         base = CASE WHEN excluded.month > allowances.month THEN excluded.base ELSE allowances.base END, \
         month = CASE WHEN excluded.month > allowances.month THEN excluded.month ELSE allowances.month END";
    let put = sqlx::query(PUT).bind(user.to_string()).bind(new.month);
    put.bind(signed(new.base)).bind(signed(new.quota)).execute(&mut *db).await?;
    of_user(db, user).await?.ok_or(StoreError::Damaged("allowances"))
}

pub(super) async fn forget(db: &mut AnyConnection, user: UserId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM allowances WHERE user_id = $1").bind(user.to_string()).execute(db).await?;
    Ok(())
}
