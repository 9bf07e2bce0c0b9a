//! Table `token_families`.

use super::{devices, users};
use crate::StoreError;
use crate::identity::model::{NewLogin, RefreshOutcome, RevokeReason, Standing, TokenRefresh};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::{DeviceId, DeviceName, FamilyId, UnixSeconds, UserId};

/// Rows are kept for this many seconds after their last token has expired, so that a late token gets the reason.
const KEEP: i64 = 86_400;

/// Revokes the device's earlier login and inserts the new one.
pub async fn open(db: &mut AnyConnection, user: UserId, device: DeviceId, login: &NewLogin) -> Result<(), StoreError> {
    revoke_device(db, device, RevokeReason::Replaced, login.now).await?;
    sqlx::query(
        "INSERT INTO token_families (id, user_id, device_id, refresh_jti, sealed_export, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(login.family.to_string())
    .bind(user.to_string())
    .bind(device.to_string())
    .bind(login.refresh_jti.to_string())
    .bind(login.sealed_export.clone())
    .bind(login.now)
    .bind(login.expires_at)
    .execute(db)
    .await?;
    Ok(())
}

pub async fn standing(db: &mut AnyConnection, family: FamilyId) -> Result<Option<Standing>, StoreError> {
    let row = sqlx::query(
        "SELECT u.id AS id, u.username AS username, u.email AS email, u.password_hash AS password_hash,
                u.is_active AS is_active, u.max_devices AS max_devices,
                u.month_quota AS month_quota, u.download_rate AS download_rate,
                u.upload_rate AS upload_rate, u.together AS together, u.created_at AS created_at,
                u.last_login_at AS last_login_at, u.deleted_at AS deleted_at,
                d.id AS device_id, d.name AS device_name, d.removed_at AS removed_at,
                d.wireguard_key AS wireguard_key,
                f.sealed_export AS sealed_export, f.expires_at AS expires_at, f.revoke_reason AS revoke_reason
         FROM token_families f
         JOIN users u ON u.id = f.user_id
         JOIN devices d ON d.id = f.device_id
         WHERE f.id = $1",
    )
    .bind(family.to_string())
    .fetch_optional(db)
    .await?;
    row.map(|row| standing_from_row(&row)).transpose()
}

fn standing_from_row(row: &AnyRow) -> Result<Standing, StoreError> {
    let name: String = row.try_get("device_name")?;
    let key: Option<String> = row.try_get("wireguard_key")?;
    let deleted_at: Option<i64> = row.try_get("deleted_at")?;
    let removed_at: Option<i64> = row.try_get("removed_at")?;
    let revoked: Option<String> = row.try_get("revoke_reason")?;
    Ok(Standing {
        user: users::from_row(row)?,
        user_deleted: deleted_at.is_some(),
        device: devices::parse_id(row.try_get("device_id")?)?,
        device_name: DeviceName::from_stored(&name),
        device_removed: removed_at.is_some(),
        wireguard_key: key
            .map(|key| key.parse())
            .transpose()
            .map_err(|_| StoreError::Damaged("devices.wireguard_key"))?,
        sealed_export: row.try_get("sealed_export")?,
        expires_at: row.try_get("expires_at")?,
        revoked: revoked.map(reason).transpose()?,
    })
}

fn reason(word: String) -> Result<RevokeReason, StoreError> {
    RevokeReason::from_stored(&word).ok_or(StoreError::Damaged("token_families.revoke_reason"))
}

/// Two conditional updates decide. The first accepts one use of the current token, or a repetition of the latest
/// refresh with its idempotency key. The second revokes the family of a token that is no longer current.
pub async fn refresh(db: &mut AnyConnection, refresh: &TokenRefresh) -> Result<RefreshOutcome, StoreError> {
    let rotated = sqlx::query(
        "UPDATE token_families SET refresh_jti = $1, expires_at = $2, spent_jti = $4, spent_attempt = $6
         WHERE id = $3 AND revoked_at IS NULL AND expires_at > $5
           AND (refresh_jti = $4 OR (spent_jti = $4 AND spent_attempt = $6) OR expires_at < $7)
           AND user_id IN (SELECT id FROM users WHERE is_active = 1 AND deleted_at IS NULL)
           AND device_id IN (SELECT id FROM devices WHERE removed_at IS NULL)",
    )
    .bind(refresh.next.to_string())
    .bind(refresh.expires_at)
    .bind(refresh.family.to_string())
    .bind(refresh.spent.to_string())
    .bind(refresh.now)
    .bind(refresh.idempotency_key.map(|hash| hash.to_vec()))
    .bind(refresh.newer.unwrap_or(i64::MIN))
    .execute(&mut *db)
    .await?;
    if rotated.rows_affected() == 1 {
        return Ok(RefreshOutcome::Refreshed);
    }
    let reused = sqlx::query(
        "UPDATE token_families SET revoked_at = $1, revoke_reason = $2
         WHERE id = $3 AND refresh_jti <> $4 AND revoked_at IS NULL",
    )
    .bind(refresh.now)
    .bind(RevokeReason::Reused.as_str())
    .bind(refresh.family.to_string())
    .bind(refresh.spent.to_string())
    .execute(db)
    .await?;
    Ok(if reused.rows_affected() == 1 { RefreshOutcome::Reused } else { RefreshOutcome::Refused })
}

pub async fn revoke(
    db: &mut AnyConnection,
    family: FamilyId,
    reason: RevokeReason,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE token_families SET revoked_at = $1, revoke_reason = $2 WHERE id = $3 AND revoked_at IS NULL",
    )
    .bind(now)
    .bind(reason.as_str())
    .bind(family.to_string())
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Expires at the end of the year 9999, which means never.
pub async fn keep(db: &mut AnyConnection, family: FamilyId) -> Result<bool, StoreError> {
    const NEVER: UnixSeconds = 253_402_300_799;
    let done = sqlx::query("UPDATE token_families SET expires_at = $1 WHERE id = $2 AND revoked_at IS NULL")
        .bind(NEVER)
        .bind(family.to_string())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn revoke_device(
    db: &mut AnyConnection,
    device: DeviceId,
    reason: RevokeReason,
    now: UnixSeconds,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE token_families SET revoked_at = $1, revoke_reason = $2 WHERE device_id = $3 AND revoked_at IS NULL",
    )
    .bind(now)
    .bind(reason.as_str())
    .bind(device.to_string())
    .execute(db)
    .await?;
    Ok(())
}

/// Revokes all logins of a user except one. Returns the device of the kept login.
pub async fn revoke_user(
    db: &mut AnyConnection,
    user: UserId,
    reason: RevokeReason,
    keep: Option<FamilyId>,
    now: UnixSeconds,
) -> Result<Option<DeviceId>, StoreError> {
    let keep = keep.map(|family| family.to_string()).unwrap_or_default();
    sqlx::query(
        "UPDATE token_families SET revoked_at = $1, revoke_reason = $2
         WHERE user_id = $3 AND revoked_at IS NULL AND id <> $4",
    )
    .bind(now)
    .bind(reason.as_str())
    .bind(user.to_string())
    .bind(keep.as_str())
    .execute(&mut *db)
    .await?;
    let row = sqlx::query("SELECT device_id FROM token_families WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL")
        .bind(keep.as_str())
        .bind(user.to_string())
        .fetch_optional(db)
        .await?;
    row.map(|row| devices::parse_id(row.try_get("device_id")?)).transpose()
}

/// Searches for a valid login first, by index. Only a device without one needs the second query.
pub async fn ended(db: &mut AnyConnection, device: DeviceId) -> Result<Option<RevokeReason>, StoreError> {
    let row = sqlx::query(
        "SELECT d.removed_at AS removed_at, u.deleted_at AS deleted_at, u.is_active AS is_active, f.id AS family
         FROM devices d
         JOIN users u ON u.id = d.user_id
         LEFT JOIN token_families f ON f.device_id = d.id AND f.revoked_at IS NULL
         WHERE d.id = $1",
    )
    .bind(device.to_string())
    .fetch_optional(&mut *db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let deleted_at: Option<i64> = row.try_get("deleted_at")?;
    let removed_at: Option<i64> = row.try_get("removed_at")?;
    let is_active: i64 = row.try_get("is_active")?;
    let family: Option<String> = row.try_get("family")?;
    if deleted_at.is_some() {
        return Ok(Some(RevokeReason::Deleted));
    }
    if removed_at.is_some() {
        return Ok(Some(RevokeReason::DeviceRemoved));
    }
    if is_active == 0 {
        return Ok(Some(RevokeReason::Suspended));
    }
    if family.is_some() {
        return Ok(None);
    }
    let row = sqlx::query(
        "SELECT revoke_reason FROM token_families
         WHERE device_id = $1 AND revoked_at IS NOT NULL ORDER BY revoked_at DESC LIMIT 1",
    )
    .bind(device.to_string())
    .fetch_optional(db)
    .await?;
    row.map(|row| reason(row.try_get("revoke_reason")?)).transpose()
}

pub async fn prune(db: &mut AnyConnection, now: UnixSeconds) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM token_families WHERE expires_at <= $1")
        .bind(now.saturating_sub(KEEP))
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}
