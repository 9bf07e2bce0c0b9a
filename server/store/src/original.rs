//! Reads the accounts of the original's PostgreSQL database. Never writes to it.

use crate::{PostgresLogin, StoreError, postgres};
use sqlx::{Connection as _, Row as _};

/// One account as stored by the original; its fields are not validated.
#[derive(Clone)]
pub struct OriginalUser {
    /// Name.
    pub username: String,
    /// E-mail address.
    pub email: Option<String>,
    /// Password hash: Argon2id in PHC format.
    pub password_hash: String,
    /// False if the account is suspended.
    pub is_active: bool,
    /// Number of devices that may be connected at once.
    pub max_devices: i64,
}

/// Accounts that are not deleted, sorted by name.
///
/// # Errors
/// When the database rejects the login or has no such table.
pub async fn original_users(login: &PostgresLogin) -> Result<Vec<OriginalUser>, StoreError> {
    let mut db = postgres::reader(login, "public").await?;
    // Casts to the few types that the driver for any engine supports.
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
