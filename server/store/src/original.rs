//! Reading the accounts of the original's PostgreSQL database. Nothing is ever written there.

use crate::{PostgresLogin, StoreError, postgres};
use sqlx::{Connection as _, Row as _};

/// One account as the original stored it; nothing about it was checked.
#[derive(Clone)]
pub struct OriginalUser {
    /// Its name.
    pub username: String,
    /// Its e-mail address.
    pub email: Option<String>,
    /// Argon2id in PHC form.
    pub password_hash: String,
    /// False while suspended.
    pub is_active: bool,
    /// Devices at once.
    pub max_devices: i64,
}

/// Accounts that are not deleted, by name.
///
/// # Errors
/// When the database does not let us in or has no such table.
pub async fn original_users(login: &PostgresLogin) -> Result<Vec<OriginalUser>, StoreError> {
    let mut db = postgres::reader(login, "public").await?;
    // Types are cast to the few that every engine's driver reads.
    let rows = sqlx::query(
        "SELECT username::text AS username, email::text AS email, password_hash::text AS password_hash,
                is_active::int::bigint AS is_active, max_devices::bigint AS max_devices
         FROM users WHERE deleted_at IS NULL ORDER BY username",
    )
    .fetch_all(&mut db)
    .await;
    db.close().await?;
    let user = |row: &sqlx::any::AnyRow| {
        let is_active: i64 = row.try_get("is_active")?;
        Ok(OriginalUser {
            username: row.try_get("username")?,
            email: row.try_get("email")?,
            password_hash: row.try_get("password_hash")?,
            is_active: is_active != 0,
            max_devices: row.try_get("max_devices")?,
        })
    };
    rows?.iter().map(user).collect()
}
