//! Table `users`.

use super::{NewUser, User, UserKey};
use crate::StoreError;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::{UnixSeconds, UserId};

pub(super) async fn insert(db: &mut AnyConnection, user: &NewUser, now: UnixSeconds) -> Result<bool, StoreError> {
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

pub(super) async fn find(db: &mut AnyConnection, key: UserKey<'_>) -> Result<Option<User>, StoreError> {
    let query = match key {
        UserKey::Id(id) => sqlx::query(
            "SELECT id, username, email, password_hash, is_active, max_devices, created_at, last_login_at
             FROM users WHERE id = $1 AND deleted_at IS NULL",
        )
        .bind(id.to_string()),
        UserKey::Name(name) => sqlx::query(
            "SELECT id, username, email, password_hash, is_active, max_devices, created_at, last_login_at
             FROM users WHERE username = $1 AND deleted_at IS NULL",
        )
        .bind(name.as_str().to_owned()),
        UserKey::Email(email) => sqlx::query(
            "SELECT id, username, email, password_hash, is_active, max_devices, created_at, last_login_at
             FROM users WHERE email = $1 AND deleted_at IS NULL",
        )
        .bind(email.to_lowercase()),
    };
    query.fetch_optional(db).await?.map(|row| from_row(&row)).transpose()
}

pub(super) fn from_row(row: &AnyRow) -> Result<User, StoreError> {
    let id: String = row.try_get("id")?;
    let username: String = row.try_get("username")?;
    let is_active: i64 = row.try_get("is_active")?;
    let max_devices: i64 = row.try_get("max_devices")?;
    Ok(User {
        id: id.parse().map_err(|_| StoreError::Damaged("users.id"))?,
        username: username.parse().map_err(|_| StoreError::Damaged("users.username"))?,
        email: row.try_get("email")?,
        password_hash: row.try_get("password_hash")?,
        is_active: is_active != 0,
        max_devices: max_devices.try_into().map_err(|_| StoreError::Damaged("users.max_devices"))?,
        created_at: row.try_get("created_at")?,
        last_login_at: row.try_get("last_login_at")?,
    })
}

/// Also takes the row's lock, so that logins of one account come one after the other.
pub(super) async fn touch_login(db: &mut AnyConnection, user: UserId, now: UnixSeconds) -> Result<bool, StoreError> {
    let done =
        sqlx::query("UPDATE users SET last_login_at = $1 WHERE id = $2 AND is_active = 1 AND deleted_at IS NULL")
            .bind(now)
            .bind(user.to_string())
            .execute(db)
            .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn rehash(db: &mut AnyConnection, user: UserId, old: &str, new: &str) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3")
        .bind(new)
        .bind(user.to_string())
        .bind(old)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn set_active(db: &mut AnyConnection, user: UserId, active: bool) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE users SET is_active = $1 WHERE id = $2 AND deleted_at IS NULL")
        .bind(i64::from(active))
        .bind(user.to_string())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn mark_deleted(db: &mut AnyConnection, user: UserId, now: UnixSeconds) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE users SET deleted_at = $1, is_active = 0 WHERE id = $2 AND deleted_at IS NULL")
        .bind(now)
        .bind(user.to_string())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn any(db: &mut AnyConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query("SELECT id FROM users LIMIT 1").fetch_optional(db).await?.is_some())
}
