//! Table `devices`.

use crate::StoreError;
use crate::identity::model::{DeviceClaim, DeviceKind, DeviceRow, KeyOutcome, MAX_DEVICE_ROWS, NewLogin};
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::{DeviceId, DeviceName, PublicKey, UnixSeconds, UserId};

/// Device for a v1 login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum V1Choice {
    /// Reuses this device and revokes its earlier login.
    Reuse(DeviceId),
    /// Creates a device.
    Create,
    /// No device: the account has reached its limit of connected devices.
    Full,
}

/// A v1 client cannot identify its device, so it gets one that is not connected: first a device without a login, then a
/// new one while the account has fewer than `max`, then the one with the oldest login. A lost token thus never locks a
/// user out, and the number of rows stays bounded.
///
/// `devices` are the account's v1 devices with whether they have a login, oldest login first. `live` are all its
/// devices with a live session.
#[must_use]
pub fn choose_v1(devices: &[(DeviceId, bool)], live: &[DeviceId], max: usize) -> V1Choice {
    let idle = || devices.iter().filter(|(id, _)| !live.contains(id));
    if let Some((id, _)) = idle().find(|(_, logged_in)| !logged_in) {
        return V1Choice::Reuse(*id);
    }
    if devices.len() < max && live.len() < max {
        return V1Choice::Create;
    }
    match idle().next() {
        Some((id, _)) => V1Choice::Reuse(*id),
        None if live.len() < max => V1Choice::Create,
        None => V1Choice::Full,
    }
}

/// Finds or creates the device for a login. `None` if the account cannot have another one.
pub async fn claim(db: &mut AnyConnection, user: UserId, login: &NewLogin) -> Result<Option<DeviceId>, StoreError> {
    let (found, kind, key, name) = match &login.device {
        DeviceClaim::V2 { key, name } => (find_v2(db, user, key).await?, DeviceKind::V2, Some(key), name),
        DeviceClaim::V1 { live, name } => {
            let devices = list_v1(db, user, login.now).await?;
            let found = match choose_v1(&devices, live, max_devices(db, user).await?) {
                V1Choice::Reuse(id) => Some(id),
                V1Choice::Create => None,
                V1Choice::Full => return Ok(None),
            };
            (found, DeviceKind::V1, None, name)
        }
    };
    if let Some(id) = found {
        touch_login(db, id, login.now).await?;
        return Ok(Some(id));
    }
    if count(db, user).await? >= MAX_DEVICE_ROWS {
        return Ok(None);
    }
    insert(db, user, login, kind, key, name).await?;
    Ok(Some(login.new_device))
}

pub async fn find_v2(db: &mut AnyConnection, user: UserId, key: &[u8; 32]) -> Result<Option<DeviceId>, StoreError> {
    let row = sqlx::query("SELECT id FROM devices WHERE user_id = $1 AND device_key = $2 AND removed_at IS NULL")
        .bind(user.to_string())
        .bind(key.to_vec())
        .fetch_optional(db)
        .await?;
    row.map(|row| parse_id(row.try_get("id")?)).transpose()
}

async fn list_v1(db: &mut AnyConnection, user: UserId, now: UnixSeconds) -> Result<Vec<(DeviceId, bool)>, StoreError> {
    let rows = sqlx::query(
        "SELECT d.id AS id, f.id AS family FROM devices d
         LEFT JOIN token_families f ON f.device_id = d.id AND f.revoked_at IS NULL AND f.expires_at > $1
         WHERE d.user_id = $2 AND d.kind = 'v1' AND d.removed_at IS NULL
         ORDER BY d.last_login_at, d.id",
    )
    .bind(now)
    .bind(user.to_string())
    .fetch_all(db)
    .await?;
    let device = |row: &sqlx::any::AnyRow| {
        let family: Option<String> = row.try_get("family")?;
        Ok((parse_id(row.try_get("id")?)?, family.is_some()))
    };
    rows.iter().map(device).collect()
}

async fn max_devices(db: &mut AnyConnection, user: UserId) -> Result<usize, StoreError> {
    let row = sqlx::query("SELECT max_devices FROM users WHERE id = $1").bind(user.to_string()).fetch_one(db).await?;
    let max: i64 = row.try_get("max_devices")?;
    usize::try_from(max).map_err(|_| StoreError::Damaged("users.max_devices"))
}

async fn count(db: &mut AnyConnection, user: UserId) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT COUNT(*) AS n FROM devices WHERE user_id = $1 AND removed_at IS NULL")
        .bind(user.to_string())
        .fetch_one(db)
        .await?;
    Ok(row.try_get("n")?)
}

async fn insert(
    db: &mut AnyConnection,
    user: UserId,
    login: &NewLogin,
    kind: DeviceKind,
    key: Option<&[u8; 32]>,
    name: &DeviceName,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO devices (id, user_id, kind, device_key, name, created_at, last_login_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(login.new_device.to_string())
    .bind(user.to_string())
    .bind(match kind {
        DeviceKind::V1 => "v1",
        DeviceKind::V2 => "v2",
    })
    .bind(key.map(|key| key.to_vec()))
    .bind(name.as_str())
    .bind(login.now)
    .bind(login.now)
    .execute(db)
    .await?;
    Ok(())
}

async fn touch_login(db: &mut AnyConnection, device: DeviceId, now: UnixSeconds) -> Result<(), StoreError> {
    sqlx::query("UPDATE devices SET last_login_at = $1 WHERE id = $2")
        .bind(now)
        .bind(device.to_string())
        .execute(db)
        .await?;
    Ok(())
}

pub async fn set_wireguard_key(
    db: &mut AnyConnection,
    device: DeviceId,
    key: &PublicKey,
) -> Result<KeyOutcome, StoreError> {
    let updated = sqlx::query("UPDATE devices SET wireguard_key = $1 WHERE id = $2 AND removed_at IS NULL")
        .bind(key.to_string())
        .bind(device.to_string())
        .execute(db)
        .await
        .map_err(StoreError::from);
    match updated {
        Ok(done) if done.rows_affected() == 1 => Ok(KeyOutcome::Set),
        Ok(_) => Ok(KeyOutcome::DeviceGone),
        Err(error) if error.is_unique_violation() => Ok(KeyOutcome::InUse),
        Err(error) => Err(error),
    }
}

pub async fn remove(db: &mut AnyConnection, device: DeviceId, now: UnixSeconds) -> Result<bool, StoreError> {
    let done =
        sqlx::query("UPDATE devices SET removed_at = $1, wireguard_key = NULL WHERE id = $2 AND removed_at IS NULL")
            .bind(now)
            .bind(device.to_string())
            .execute(db)
            .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn ids(db: &mut AnyConnection, user: UserId) -> Result<Vec<DeviceId>, StoreError> {
    let query = "SELECT id FROM devices WHERE user_id = $1 AND removed_at IS NULL ORDER BY id";
    let rows = sqlx::query(query).bind(user.to_string()).fetch_all(db).await?;
    rows.iter().map(|row| parse_id(row.try_get("id")?)).collect()
}

/// Devices of one user or the device with one id; an empty text matches none.
pub async fn list(
    db: &mut AnyConnection,
    user: &str,
    device: &str,
    now: UnixSeconds,
) -> Result<Vec<DeviceRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT d.id AS id, d.user_id AS user_id, d.name AS name, d.kind AS kind, d.created_at AS created_at,
                d.last_login_at AS last_login_at, f.id AS family
         FROM devices d
         LEFT JOIN token_families f ON f.device_id = d.id AND f.revoked_at IS NULL AND f.expires_at > $1
         WHERE (d.user_id = $2 OR d.id = $3) AND d.removed_at IS NULL
         ORDER BY d.created_at, d.id",
    )
    .bind(now)
    .bind(user)
    .bind(device)
    .fetch_all(db)
    .await?;
    let device = |row: &sqlx::any::AnyRow| {
        let (user, name): (String, String) = (row.try_get("user_id")?, row.try_get("name")?);
        let (kind, family): (String, Option<String>) = (row.try_get("kind")?, row.try_get("family")?);
        Ok(DeviceRow {
            id: parse_id(row.try_get("id")?)?,
            user: user.parse().map_err(|_| StoreError::Damaged("devices.user_id"))?,
            name: DeviceName::from_stored(&name),
            has_key: kind == "v2",
            logged_in: family.is_some(),
            created_at: row.try_get("created_at")?,
            last_login_at: row.try_get("last_login_at")?,
        })
    };
    rows.iter().map(device).collect()
}

pub async fn rename(db: &mut AnyConnection, device: DeviceId, name: &DeviceName) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE devices SET name = $1 WHERE id = $2 AND removed_at IS NULL")
        .bind(name.as_str())
        .bind(device.to_string())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn remove_all(db: &mut AnyConnection, user: UserId, now: UnixSeconds) -> Result<(), StoreError> {
    sqlx::query("UPDATE devices SET removed_at = $1, wireguard_key = NULL WHERE user_id = $2 AND removed_at IS NULL")
        .bind(now)
        .bind(user.to_string())
        .execute(db)
        .await?;
    Ok(())
}

pub fn parse_id(text: String) -> Result<DeviceId, StoreError> {
    text.parse().map_err(|_| StoreError::Damaged("devices.id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_token_never_locks_out_a_user_with_one_device() {
        let a = DeviceId::random();
        assert_eq!(choose_v1(&[], &[], 1), V1Choice::Create);
        assert_eq!(choose_v1(&[(a, true)], &[], 1), V1Choice::Reuse(a));
        assert_eq!(choose_v1(&[(a, true)], &[a], 1), V1Choice::Full);
    }

    #[test]
    fn two_machines_of_one_account_get_two_devices() {
        let (a, b) = (DeviceId::random(), DeviceId::random());
        assert_eq!(choose_v1(&[(a, true)], &[], 2), V1Choice::Create);
        assert_eq!(choose_v1(&[(a, true), (b, false)], &[], 2), V1Choice::Reuse(b));
        assert_eq!(choose_v1(&[(a, true), (b, true)], &[a], 2), V1Choice::Reuse(b));
    }

    #[test]
    fn devices_of_other_kinds_take_slots_too() {
        let (v2, other) = (DeviceId::random(), DeviceId::random());
        assert_eq!(choose_v1(&[], &[v2], 1), V1Choice::Full);
        assert_eq!(choose_v1(&[], &[v2, other], 3), V1Choice::Create);
    }
}
