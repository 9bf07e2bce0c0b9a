//! Devices of accounts, and exported devices, which never log in themselves.

use super::fields::subject;
use super::lookup::resolve;
use crate::actor::Actor;
use crate::core::Core;
use crate::{fault, tokens};
use data_encoding::BASE64URL_NOPAD;
use tornado_contracts::auth::AuthError;
use tornado_contracts::auth::users::{DeviceInfo, DeviceRef, ExportDevice, ExportedDevice, UserRef};
use tornado_rpc::Done;
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::crypto::v2::ExportSecret;
use tornado_shared::model::{CloseReason, Secret, UserId};
use tornado_store::identity::{DeviceClaim, DeviceRow, LoginOutcome};
use zeroize::Zeroizing;

/// Seconds within which an exported device must connect. The caller connects it immediately.
const TO_CONNECT: i64 = 120;

pub async fn list_devices(core: &Core, what: UserRef) -> Result<Vec<DeviceInfo>, AuthError> {
    list_of(core, resolve(&core.store, &what.user).await?.id).await
}

pub(super) async fn list_of(core: &Core, user: UserId) -> Result<Vec<DeviceInfo>, AuthError> {
    let rows = core.store.list_devices(user, core.clock.now()).await.map_err(fault::store)?;
    Ok(rows.into_iter().map(info).collect())
}

/// Removes a device and ends its login, then its session. If `owner` is given, only that account's device.
pub async fn remove_device(
    core: &Core,
    actor: &Actor,
    what: &DeviceRef,
    owner: Option<UserId>,
) -> Result<Done, AuthError> {
    let (now, not_found) = (core.clock.now(), || AuthError::NotFound("device".into()));
    let row = core.store.find_device(what.device_id, now).await.map_err(fault::store)?.ok_or_else(not_found)?;
    if owner.is_some_and(|owner| owner != row.user) {
        return Err(not_found());
    }
    let pending = core.closing.begin();
    let details = [("of", subject(row.user))];
    let audit = core.trail.detailed(actor, "device.remove", format!("device:{}", row.id), &details);
    if !core.trail.signed(core.store.remove_device(row.id, now, &audit)).await? {
        return Err(not_found());
    }
    core.closing.end_sessions(pending, &[row.id], CloseReason::Revoked).await?;
    Ok(Done {})
}

/// Creates a login without a password. Only root, or an operator who may change devices, can do this. The login
/// ends like any other.
pub async fn export_device(core: &Core, actor: &Actor, what: ExportDevice) -> Result<ExportedDevice, AuthError> {
    let user = resolve(&core.store, &what.user).await?;
    if !user.is_active {
        return Err(AuthError::UserInactive);
    }
    let export = ExportSecret::from_bytes(rand::random());
    // The private half is discarded, so the device can never log in again.
    let key = IdentityKey::random().public().0.0;
    let login = tokens::new_login(core, DeviceClaim::V2 { key, name: what.name }, Some(&export))?;
    let target = format!("device:{}", login.new_device);
    let row = core.trail.detailed(actor, "device.issue", target, &[("for", subject(user.id))]);
    let device_id = match core.trail.signed(core.store.export_device(user.id, &login, &row)).await? {
        LoginOutcome::Opened(device) => device,
        LoginOutcome::UserGone => return Err(AuthError::UserInactive),
        LoginOutcome::NoDevice => return Err(AuthError::MaxDevices),
    };
    let access_token = tokens::issue(core, user.id, device_id, &login, Some(TO_CONNECT))?.access_token;
    let export = Zeroizing::new(BASE64URL_NOPAD.encode(export.expose()));
    Ok(ExportedDevice { username: user.username, device_id, access_token, export: Secret::new(export.as_str()) })
}

fn info(row: DeviceRow) -> DeviceInfo {
    DeviceInfo {
        id: row.id,
        user_id: row.user,
        name: row.name,
        has_key: row.has_key,
        logged_in: row.logged_in,
        created_at: row.created_at,
        last_login_at: row.last_login_at,
    }
}
