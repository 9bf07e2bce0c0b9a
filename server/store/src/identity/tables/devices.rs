//! Table `devices`.

use crate::StoreError;
use crate::identity::model::{DeviceClaim, DeviceRow, KeyOutcome, MAX_DEVICE_ROWS, NewLogin};
use crate::statement::columns::{is_set, parsed};
use crate::statement::{all, changes_one, count, execute, first, values};
use sqlx::any::AnyRow;
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
    let (found, key, name) = match &login.device {
        DeviceClaim::V2 { key, name } => (find_v2(db, user, key).await?, Some(key), name),
        DeviceClaim::V1 { live, name } => {
            let devices = list_v1(db, user, login.now).await?;
            let found = match choose_v1(&devices, live, max_devices(db, user).await?) {
                V1Choice::Reuse(id) => Some(id),
                V1Choice::Create => None,
                V1Choice::Full => return Ok(None),
            };
            (found, None, name)
        }
    };
    if let Some(id) = found {
        execute(db, "UPDATE devices SET last_login_at = $1 WHERE id = $2", values![login.now, id]).await?;
        return Ok(Some(id));
    }
    let present = "SELECT COUNT(*) AS n FROM devices WHERE user_id = $1 AND removed_at IS NULL";
    if count(db, present, values![user]).await? >= MAX_DEVICE_ROWS {
        return Ok(None);
    }
    insert(db, user, login, key, name).await?;
    Ok(Some(login.new_device))
}

pub async fn find_v2(db: &mut AnyConnection, user: UserId, key: &[u8; 32]) -> Result<Option<DeviceId>, StoreError> {
    let query = "SELECT id FROM devices WHERE user_id = $1 AND device_key = $2 AND removed_at IS NULL";
    first(db, query, values![user, key], |row| parsed(row, "devices.id")).await
}

async fn list_v1(db: &mut AnyConnection, user: UserId, now: UnixSeconds) -> Result<Vec<(DeviceId, bool)>, StoreError> {
    let query = "SELECT d.id AS id, f.id AS family FROM devices d
                 LEFT JOIN token_families f ON f.device_id = d.id AND f.revoked_at IS NULL AND f.expires_at > $1
                 WHERE d.user_id = $2 AND d.kind = 'v1' AND d.removed_at IS NULL
                 ORDER BY d.last_login_at, d.id";
    let device = |row: &AnyRow| Ok((parsed(row, "devices.id")?, is_set(row, "family")?));
    all(db, query, values![now, user], device).await
}

async fn max_devices(db: &mut AnyConnection, user: UserId) -> Result<usize, StoreError> {
    let max = count(db, "SELECT max_devices AS n FROM users WHERE id = $1", values![user]).await?;
    usize::try_from(max).map_err(|_| StoreError::Damaged("users.max_devices"))
}

async fn insert(
    db: &mut AnyConnection,
    user: UserId,
    login: &NewLogin,
    key: Option<&[u8; 32]>,
    name: &DeviceName,
) -> Result<(), StoreError> {
    // Only clients of the original have no key.
    let kind = if key.is_some() { "v2" } else { "v1" };
    let query = "INSERT INTO devices (id, user_id, kind, device_key, name, created_at, last_login_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $6)";
    execute(db, query, values![login.new_device, user, kind, key, name, login.now]).await.map(drop)
}

pub async fn set_wireguard_key(
    db: &mut AnyConnection,
    device: DeviceId,
    key: &PublicKey,
) -> Result<KeyOutcome, StoreError> {
    let query = "UPDATE devices SET wireguard_key = $1 WHERE id = $2 AND removed_at IS NULL";
    match changes_one(db, query, values![*key, device]).await {
        Ok(true) => Ok(KeyOutcome::Set),
        Ok(false) => Ok(KeyOutcome::DeviceGone),
        Err(error) if error.is_unique_violation() => Ok(KeyOutcome::InUse),
        Err(error) => Err(error),
    }
}

pub async fn remove(db: &mut AnyConnection, device: DeviceId, now: UnixSeconds) -> Result<bool, StoreError> {
    let query = "UPDATE devices SET removed_at = $1, wireguard_key = NULL WHERE id = $2 AND removed_at IS NULL";
    changes_one(db, query, values![now, device]).await
}

pub async fn ids(db: &mut AnyConnection, user: UserId) -> Result<Vec<DeviceId>, StoreError> {
    let query = "SELECT id FROM devices WHERE user_id = $1 AND removed_at IS NULL ORDER BY id";
    all(db, query, values![user], |row| parsed(row, "devices.id")).await
}

/// Devices of one user or the device with one id; an empty text matches none.
pub async fn list(
    db: &mut AnyConnection,
    user: &str,
    device: &str,
    now: UnixSeconds,
) -> Result<Vec<DeviceRow>, StoreError> {
    let query = "SELECT d.id AS id, d.user_id AS user_id, d.name AS name, d.kind AS kind, d.created_at AS created_at,
                        d.last_login_at AS last_login_at, f.id AS family
                 FROM devices d
                 LEFT JOIN token_families f ON f.device_id = d.id AND f.revoked_at IS NULL AND f.expires_at > $1
                 WHERE (d.user_id = $2 OR d.id = $3) AND d.removed_at IS NULL
                 ORDER BY d.created_at, d.id";
    all(db, query, values![now, user, device], from_row).await
}

fn from_row(row: &AnyRow) -> Result<DeviceRow, StoreError> {
    Ok(DeviceRow {
        id: parsed(row, "devices.id")?,
        user: parsed(row, "devices.user_id")?,
        name: DeviceName::from_stored(&row.try_get::<String, _>("name")?),
        has_key: row.try_get::<String, _>("kind")? == "v2",
        logged_in: is_set(row, "family")?,
        created_at: row.try_get("created_at")?,
        last_login_at: row.try_get("last_login_at")?,
    })
}

pub async fn rename(db: &mut AnyConnection, device: DeviceId, name: &DeviceName) -> Result<bool, StoreError> {
    changes_one(db, "UPDATE devices SET name = $1 WHERE id = $2 AND removed_at IS NULL", values![name, device]).await
}

pub async fn remove_all(db: &mut AnyConnection, user: UserId, now: UnixSeconds) -> Result<(), StoreError> {
    let query = "UPDATE devices SET removed_at = $1, wireguard_key = NULL WHERE user_id = $2 AND removed_at IS NULL";
    execute(db, query, values![now, user]).await.map(drop)
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
