//! Table `users`.

use crate::StoreError;
use crate::identity::model::{ChangeOutcome, NewUser, User, UserChange, UserFilter, UserKey};
use crate::statement::columns::{flag, number, number_option, parsed};
use crate::statement::{all, changes_one, count, execute, exists, first, values};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::{UnixSeconds, UserId};

/// A query of accounts with the columns that [`from_row`] reads.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT id, username, email, password_hash, is_active, max_devices, month_quota, download_rate,
                    upload_rate, together, created_at, last_login_at
             FROM users WHERE deleted_at IS NULL AND ",
            $condition
        )
    };
}

pub async fn insert(db: &mut AnyConnection, user: &NewUser, now: UnixSeconds) -> Result<bool, StoreError> {
    let email = user.email.as_ref().map(|email| email.to_lowercase());
    let query = "INSERT INTO users (id, username, email, password_hash, is_active, max_devices, created_at)
                 VALUES ($1, $2, $3, $4, 1, $5, $6)";
    let values = values![user.id, &user.username, email, user.password_hash.as_str(), user.max_devices, now];
    match execute(db, query, values).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

pub async fn find(db: &mut AnyConnection, key: UserKey<'_>) -> Result<Option<User>, StoreError> {
    let (query, value) = match key {
        UserKey::Id(id) => (select!("id = $1"), values![id]),
        UserKey::Name(name) => (select!("username = $1"), values![name]),
        UserKey::Email(email) => (select!("email = $1"), values![email.to_lowercase()]),
    };
    first(db, query, value, from_row).await
}

pub fn from_row(row: &AnyRow) -> Result<User, StoreError> {
    Ok(User {
        id: parsed(row, "users.id")?,
        username: parsed(row, "users.username")?,
        email: row.try_get("email")?,
        password_hash: row.try_get("password_hash")?,
        is_active: flag(row, "is_active")?,
        max_devices: number(row, "users.max_devices")?,
        month_quota: number_option(row, "month_quota")?,
        download_rate: number_option(row, "download_rate")?,
        upload_rate: number_option(row, "upload_rate")?,
        together: flag(row, "together")?,
        created_at: row.try_get("created_at")?,
        last_login_at: row.try_get("last_login_at")?,
    })
}

/// Also locks the row, so that logins of one account run in sequence.
pub async fn touch_login(db: &mut AnyConnection, user: UserId, now: UnixSeconds) -> Result<bool, StoreError> {
    let query = "UPDATE users SET last_login_at = $1 WHERE id = $2 AND is_active = 1 AND deleted_at IS NULL";
    changes_one(db, query, values![now, user]).await
}

pub async fn rehash(db: &mut AnyConnection, user: UserId, old: &str, new: &str) -> Result<bool, StoreError> {
    let query = "UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3";
    changes_one(db, query, values![new, user, old]).await
}

/// Locks the row, reads it and writes all its columns. The caller revokes logins.
pub async fn change(db: &mut AnyConnection, user: UserId, change: &UserChange) -> Result<ChangeOutcome, StoreError> {
    let lock = "UPDATE users SET is_active = is_active WHERE id = $1 AND deleted_at IS NULL";
    execute(db, lock, values![user]).await?;
    let Some(now) = find(db, UserKey::Id(user)).await? else { return Ok(ChangeOutcome::Gone) };
    let email = change.email.clone().unwrap_or(now.email);
    let query = "UPDATE users SET username = $1, email = $2, password_hash = $3, is_active = $4, max_devices = $5,
                        month_quota = CAST($6 AS BIGINT), download_rate = CAST($7 AS BIGINT),
                        upload_rate = CAST($8 AS BIGINT), together = $9
                 WHERE id = $10";
    let values = values![
        change.username.as_ref().unwrap_or(&now.username),
        email.map(|email| email.to_lowercase()),
        change.password_hash.as_ref().unwrap_or(&now.password_hash).as_str(),
        change.active.unwrap_or(now.is_active),
        change.max_devices.unwrap_or(now.max_devices),
        change.month_quota.unwrap_or(now.month_quota),
        change.download_rate.unwrap_or(now.download_rate),
        change.upload_rate.unwrap_or(now.upload_rate),
        change.together.unwrap_or(now.together),
        user,
    ];
    match execute(db, query, values).await {
        Ok(_) => Ok(ChangeOutcome::Changed(Vec::new())),
        Err(error) if error.is_unique_violation() => Ok(ChangeOutcome::Taken),
        Err(error) => Err(error),
    }
}

/// The condition must match that of index `users_treated` literally; otherwise the engines do not use the index.
pub const TREATED: &str = select!("(download_rate IS NOT NULL OR upload_rate IS NOT NULL OR together = 1)");

/// Accounts with a traffic policy that are not deleted.
pub async fn treated(db: &mut AnyConnection) -> Result<Vec<User>, StoreError> {
    all(db, TREATED, values![], from_row).await
}

/// A page of accounts, and the number of matching accounts on all pages. A value of 2 for `active` matches both.
pub async fn list(db: &mut AnyConnection, filter: &UserFilter) -> Result<(Vec<User>, u64), StoreError> {
    let pattern = pattern(&filter.search);
    let (pattern, active) = (pattern.as_str(), filter.active.map_or(2, i64::from));
    let page = select!(
        "(username LIKE $1 ESCAPE '!' OR email LIKE $1 ESCAPE '!')
           AND ($2 = 2 OR is_active = $2) AND username > $3
         ORDER BY username LIMIT $4"
    );
    let users = all(db, page, values![pattern, active, filter.after.as_str(), filter.limit], from_row).await?;
    let matching = "SELECT COUNT(*) AS n FROM users
                    WHERE deleted_at IS NULL AND (username LIKE $1 ESCAPE '!' OR email LIKE $1 ESCAPE '!')
                      AND ($2 = 2 OR is_active = $2)";
    let total = count(db, matching, values![pattern, active]).await?;
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
    let query = "UPDATE users SET deleted_at = $1, is_active = 0 WHERE id = $2 AND deleted_at IS NULL";
    changes_one(db, query, values![now, user]).await
}

pub async fn any(db: &mut AnyConnection) -> Result<bool, StoreError> {
    exists(db, "SELECT id FROM users LIMIT 1", values![]).await
}
