//! Table `token_families`.

use super::users;
use crate::StoreError;
use crate::identity::model::{NewLogin, RefreshOutcome, RevokeReason, Standing, TokenRefresh};
use crate::statement::columns::{flag, is_set, parsed, parsed_as, parsed_option};
use crate::statement::{changes_one, execute, first, values};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::{DeviceId, DeviceName, FamilyId, UnixSeconds, UserId};

/// Rows are kept for this many seconds after their last token has expired, so that a late token gets the reason.
const KEEP: i64 = 86_400;

/// Revokes the device's earlier login and inserts the new one.
pub async fn open(db: &mut AnyConnection, user: UserId, device: DeviceId, login: &NewLogin) -> Result<(), StoreError> {
    revoke_device(db, device, RevokeReason::Replaced, login.now).await?;
    let query =
        "INSERT INTO token_families (id, user_id, device_id, refresh_jti, sealed_export, created_at, expires_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let NewLogin { family, refresh_jti, now, expires_at, .. } = *login;
    let sealed_export = login.sealed_export.as_deref();
    execute(db, query, values![family, user, device, refresh_jti, sealed_export, now, expires_at]).await.map(drop)
}

pub async fn standing(db: &mut AnyConnection, family: FamilyId) -> Result<Option<Standing>, StoreError> {
    let query = "SELECT u.id AS id, u.username AS username, u.email AS email, u.password_hash AS password_hash,
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
                 WHERE f.id = $1";
    first(db, query, values![family], standing_from_row).await
}

fn standing_from_row(row: &AnyRow) -> Result<Standing, StoreError> {
    Ok(Standing {
        user: users::from_row(row)?,
        user_deleted: is_set(row, "deleted_at")?,
        device: parsed_as(row, "device_id", "devices.id")?,
        device_name: DeviceName::from_stored(&row.try_get::<String, _>("device_name")?),
        device_removed: is_set(row, "removed_at")?,
        wireguard_key: parsed_option(row, "devices.wireguard_key")?,
        sealed_export: row.try_get("sealed_export")?,
        expires_at: row.try_get("expires_at")?,
        revoked: parsed_option(row, "token_families.revoke_reason")?,
    })
}

/// Two conditional updates decide. The first accepts one use of the current token, or a repetition of the latest
/// refresh with its idempotency key. The second revokes the family of a token that is no longer current.
pub async fn refresh(db: &mut AnyConnection, refresh: &TokenRefresh) -> Result<RefreshOutcome, StoreError> {
    let TokenRefresh { family, spent, idempotency_key, next, now, expires_at, newer } = *refresh;
    let rotate = "UPDATE token_families SET refresh_jti = $1, expires_at = $2, spent_jti = $4, spent_attempt = $6
                  WHERE id = $3 AND revoked_at IS NULL AND expires_at > $5
                    AND (refresh_jti = $4 OR (spent_jti = $4 AND spent_attempt = $6) OR expires_at < $7)
                    AND user_id IN (SELECT id FROM users WHERE is_active = 1 AND deleted_at IS NULL)
                    AND device_id IN (SELECT id FROM devices WHERE removed_at IS NULL)";
    let newer = newer.unwrap_or(i64::MIN);
    if changes_one(db, rotate, values![next, expires_at, family, spent, now, idempotency_key, newer]).await? {
        return Ok(RefreshOutcome::Refreshed);
    }
    let revoke = "UPDATE token_families SET revoked_at = $1, revoke_reason = $2
                  WHERE id = $3 AND refresh_jti <> $4 AND revoked_at IS NULL";
    let reused = changes_one(db, revoke, values![now, RevokeReason::Reused.as_str(), family, spent]).await?;
    Ok(if reused { RefreshOutcome::Reused } else { RefreshOutcome::Refused })
}

pub async fn revoke(
    db: &mut AnyConnection,
    family: FamilyId,
    reason: RevokeReason,
    now: UnixSeconds,
) -> Result<bool, StoreError> {
    let query = "UPDATE token_families SET revoked_at = $1, revoke_reason = $2 WHERE id = $3 AND revoked_at IS NULL";
    changes_one(db, query, values![now, reason.as_str(), family]).await
}

/// Expires at the end of the year 9999, which means never.
pub async fn keep(db: &mut AnyConnection, family: FamilyId) -> Result<bool, StoreError> {
    const NEVER: UnixSeconds = 253_402_300_799;
    let query = "UPDATE token_families SET expires_at = $1 WHERE id = $2 AND revoked_at IS NULL";
    changes_one(db, query, values![NEVER, family]).await
}

pub async fn revoke_device(
    db: &mut AnyConnection,
    device: DeviceId,
    reason: RevokeReason,
    now: UnixSeconds,
) -> Result<(), StoreError> {
    let query = "UPDATE token_families SET revoked_at = $1, revoke_reason = $2
                 WHERE device_id = $3 AND revoked_at IS NULL";
    execute(db, query, values![now, reason.as_str(), device]).await.map(drop)
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
    let revoke = "UPDATE token_families SET revoked_at = $1, revoke_reason = $2
                  WHERE user_id = $3 AND revoked_at IS NULL AND id <> $4";
    execute(db, revoke, values![now, reason.as_str(), user, keep.as_str()]).await?;
    let kept = "SELECT device_id FROM token_families WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL";
    first(db, kept, values![keep, user], |row| parsed_as(row, "device_id", "devices.id")).await
}

/// Searches for a valid login first, by index. Only a device without one needs the second query.
pub async fn ended(db: &mut AnyConnection, device: DeviceId) -> Result<Option<RevokeReason>, StoreError> {
    let query =
        "SELECT d.removed_at AS removed_at, u.deleted_at AS deleted_at, u.is_active AS is_active, f.id AS family
                 FROM devices d
                 JOIN users u ON u.id = d.user_id
                 LEFT JOIN token_families f ON f.device_id = d.id AND f.revoked_at IS NULL
                 WHERE d.id = $1";
    let state = |row: &AnyRow| {
        let suspended = !flag(row, "is_active")?;
        Ok((is_set(row, "deleted_at")?, is_set(row, "removed_at")?, suspended, is_set(row, "family")?))
    };
    match first(db, query, values![device], state).await? {
        Some((true, ..)) => return Ok(Some(RevokeReason::Deleted)),
        Some((_, true, ..)) => return Ok(Some(RevokeReason::DeviceRemoved)),
        Some((_, _, true, _)) => return Ok(Some(RevokeReason::Suspended)),
        Some((.., true)) | None => return Ok(None),
        Some((false, false, false, false)) => {}
    }
    let latest = "SELECT revoke_reason FROM token_families
                  WHERE device_id = $1 AND revoked_at IS NOT NULL ORDER BY revoked_at DESC LIMIT 1";
    first(db, latest, values![device], |row| parsed(row, "token_families.revoke_reason")).await
}

pub async fn prune(db: &mut AnyConnection, now: UnixSeconds) -> Result<u64, StoreError> {
    execute(db, "DELETE FROM token_families WHERE expires_at <= $1", values![now.saturating_sub(KEEP)]).await
}
