//! Table `users`.

use crate::identity::model::{NewUser, User, UserChange, UserFilter, UserKey};
use crate::{StoreError, signed};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::{UnixSeconds, UserId};

pub async fn insert(db: &mut AnyConnection, user: &NewUser, now: UnixSeconds) -> Result<bool, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO users (id, username, email, password_hash, is_active, max_devices, created_at)
         VALUES ($1, $2, $3, $4, 1, $5, $6)",
    )
    .bind(user.id.to_string())
    .bind(user.username.as_str())
    .bind(user.email.as_ref().map(|email| email.to_lowercase()))
    .bind(user.password_hash.as_str())
    .bind(i64::from(user.max_devices))
    .bind(now)
    .execute(db)
    .await
    .map_err(StoreError::from);
    match inserted {
        Ok(_) => Ok(true),
        Err(error) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

pub async fn find(db: &mut AnyConnection, key: UserKey<'_>) -> Result<Option<User>, StoreError> {
    let query = match key {
        UserKey::Id(id) => sqlx::query(
            "SELECT id, username, email, password_hash, is_active, max_devices, month_quota, download_rate,
                    upload_rate, together, created_at, last_login_at
             FROM users WHERE id = $1 AND deleted_at IS NULL",
        )
        .bind(id.to_string()),
        UserKey::Name(name) => sqlx::query(
            "SELECT id, username, email, password_hash, is_active, max_devices, month_quota, download_rate,
                    upload_rate, together, created_at, last_login_at
             FROM users WHERE username = $1 AND deleted_at IS NULL",
        )
        .bind(name.as_str().to_owned()),
        UserKey::Email(email) => sqlx::query(
            "SELECT id, username, email, password_hash, is_active, max_devices, month_quota, download_rate,
                    upload_rate, together, created_at, last_login_at
             FROM users WHERE email = $1 AND deleted_at IS NULL",
        )
        .bind(email.to_lowercase()),
    };
    query.fetch_optional(db).await?.map(|row| from_row(&row)).transpose()
}

pub fn from_row(row: &AnyRow) -> Result<User, StoreError> {
    let id: String = row.try_get("id")?;
    let username: String = row.try_get("username")?;
    let is_active: i64 = row.try_get("is_active")?;
    let max_devices: i64 = row.try_get("max_devices")?;
    let together: i64 = row.try_get("together")?;
    Ok(User {
        id: id.parse().map_err(|_| StoreError::Damaged("users.id"))?,
        username: username.parse().map_err(|_| StoreError::Damaged("users.username"))?,
        email: row.try_get("email")?,
        password_hash: row.try_get("password_hash")?,
        is_active: is_active != 0,
        max_devices: max_devices.try_into().map_err(|_| StoreError::Damaged("users.max_devices"))?,
        month_quota: amount(row, "month_quota")?,
        download_rate: amount(row, "download_rate")?,
        upload_rate: amount(row, "upload_rate")?,
        together: together != 0,
        created_at: row.try_get("created_at")?,
        last_login_at: row.try_get("last_login_at")?,
    })
}

fn amount(row: &AnyRow, column: &'static str) -> Result<Option<u64>, StoreError> {
    let bytes: Option<i64> = row.try_get(column)?;
    bytes.map(u64::try_from).transpose().map_err(|_| StoreError::Damaged(column))
}

/// Also locks the row, so that logins of one account run in sequence.
pub async fn touch_login(db: &mut AnyConnection, user: UserId, now: UnixSeconds) -> Result<bool, StoreError> {
    let done =
        sqlx::query("UPDATE users SET last_login_at = $1 WHERE id = $2 AND is_active = 1 AND deleted_at IS NULL")
            .bind(now)
            .bind(user.to_string())
            .execute(db)
            .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn rehash(db: &mut AnyConnection, user: UserId, old: &str, new: &str) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3")
        .bind(new)
        .bind(user.to_string())
        .bind(old)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Outcome of a change.
pub enum Changed {
    Yes,
    Taken,
    Gone,
}

/// Locks the row, reads it and writes all its columns.
pub async fn change(db: &mut AnyConnection, user: UserId, change: &UserChange) -> Result<Changed, StoreError> {
    let lock = "UPDATE users SET is_active = is_active WHERE id = $1 AND deleted_at IS NULL";
    sqlx::query(lock).bind(user.to_string()).execute(&mut *db).await?;
    let Some(now) = find(db, UserKey::Id(user)).await? else { return Ok(Changed::Gone) };
    let email = change.email.clone().unwrap_or(now.email);
    let updated = sqlx::query(
        "UPDATE users SET username = $1, email = $2, password_hash = $3, is_active = $4, max_devices = $5,
                month_quota = CAST($6 AS BIGINT), download_rate = CAST($7 AS BIGINT),
                upload_rate = CAST($8 AS BIGINT), together = $9
         WHERE id = $10",
    )
    .bind(change.username.as_ref().unwrap_or(&now.username).as_str())
    .bind(email.map(|email| email.to_lowercase()))
    .bind(change.password_hash.as_ref().unwrap_or(&now.password_hash).as_str())
    .bind(i64::from(change.active.unwrap_or(now.is_active)))
    .bind(i64::from(change.max_devices.unwrap_or(now.max_devices)))
    .bind(change.month_quota.unwrap_or(now.month_quota).map(signed))
    .bind(change.download_rate.unwrap_or(now.download_rate).map(signed))
    .bind(change.upload_rate.unwrap_or(now.upload_rate).map(signed))
    .bind(i64::from(change.together.unwrap_or(now.together)))
    .bind(user.to_string())
    .execute(db)
    .await
    .map_err(StoreError::from);
    match updated {
        Ok(_) => Ok(Changed::Yes),
        Err(error) if error.is_unique_violation() => Ok(Changed::Taken),
        Err(error) => Err(error),
    }
}

/// The condition must match that of index `users_treated` literally; otherwise the engines do not use the index.
pub const TREATED: &str =
    "SELECT id, username, email, password_hash, is_active, max_devices, month_quota, download_rate,
            upload_rate, together, created_at, last_login_at
     FROM users
     WHERE deleted_at IS NULL AND (download_rate IS NOT NULL OR upload_rate IS NOT NULL OR together = 1)";

/// Accounts with a traffic policy that are not deleted.
pub async fn treated(db: &mut AnyConnection) -> Result<Vec<User>, StoreError> {
    let rows = sqlx::query(TREATED).fetch_all(db).await?;
    rows.iter().map(from_row).collect()
}

/// A page of accounts, and the number of matching accounts on all pages. A value of 2 for `active` matches both.
pub async fn list(db: &mut AnyConnection, filter: &UserFilter) -> Result<(Vec<User>, u64), StoreError> {
    let pattern = pattern(&filter.search);
    let active = filter.active.map_or(2, i64::from);
    let rows = sqlx::query(
        "SELECT id, username, email, password_hash, is_active, max_devices, month_quota, download_rate,
                    upload_rate, together, created_at, last_login_at
         FROM users
         WHERE deleted_at IS NULL AND (username LIKE $1 ESCAPE '!' OR email LIKE $1 ESCAPE '!')
           AND ($2 = 2 OR is_active = $2) AND username > $3
         ORDER BY username LIMIT $4",
    )
    .bind(pattern.as_str())
    .bind(active)
    .bind(filter.after.as_str())
    .bind(filter.limit)
    .fetch_all(&mut *db)
    .await?;
    let count = sqlx::query(
        "SELECT COUNT(*) AS n FROM users
         WHERE deleted_at IS NULL AND (username LIKE $1 ESCAPE '!' OR email LIKE $1 ESCAPE '!')
           AND ($2 = 2 OR is_active = $2)",
    )
    .bind(pattern.as_str())
    .bind(active)
    .fetch_one(db)
    .await?;
    let total: i64 = count.try_get("n")?;
    let users = rows.iter().map(from_row).collect::<Result<_, _>>()?;
    Ok((users, u64::try_from(total).unwrap_or_default()))
}

/// Pattern for `LIKE`. Names and addresses are stored in lower case. Wildcards in the typed text are literal.
fn pattern(search: &str) -> String {
    let mut pattern = String::from("%");
    for character in search.trim().to_lowercase().chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

pub async fn mark_deleted(db: &mut AnyConnection, user: UserId, now: UnixSeconds) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE users SET deleted_at = $1, is_active = 0 WHERE id = $2 AND deleted_at IS NULL")
        .bind(now)
        .bind(user.to_string())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn any(db: &mut AnyConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query("SELECT id FROM users LIMIT 1").fetch_optional(db).await?.is_some())
}
