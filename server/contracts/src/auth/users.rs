//! Users and their devices, as changed by operators and by the users themselves.

use super::acting::Acting;
use super::error::AuthError;
use crate::{ServiceName, TrafficPolicy};
use serde::{Deserialize, Serialize};
use tornado_rpc::Done;
use tornado_shared::api::{RecoveryCodes, TotpOffer};
use tornado_shared::model::{DeviceId, DeviceName, Secret, UnixSeconds, UserId, Username};

/// Input of [`Users::create_user`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreateUser {
    /// The name.
    pub username: Username,
    /// The e-mail address.
    pub email: Option<String>,
    /// The password, at least 10 characters.
    pub password: Secret,
    /// Maximum number of devices connected at once, 1 to 10.
    pub max_devices: u32,
}

/// Identifies an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRef {
    /// Its name or id.
    pub user: String,
}

/// Input of [`Users::update_user`]. Absent fields stay unchanged.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct UpdateUser {
    /// Its name or id.
    pub user: String,
    /// A new name.
    pub username: Option<Username>,
    /// A new e-mail address; empty removes it.
    pub email: Option<String>,
    /// Maximum number of devices connected at once. Lowering it ends the excess sessions, newest first.
    pub max_devices: Option<u32>,
    /// Monthly quota, bytes, sum of both directions and both lanes; 0: unlimited. Takes effect when one of its devices
    /// next connects.
    pub month_quota: Option<u64>,
    /// Download limit, bytes per second, shared by all of its devices; 0: unlimited. Takes effect within seconds, like
    /// the next two fields.
    pub download_rate: Option<u64>,
    /// Upload limit, bytes per second, shared by all of its devices; 0: unlimited.
    pub upload_rate: Option<u64>,
    /// True makes the account's devices a peer group on the direct lane.
    #[serde(default)]
    pub peer_group: Option<bool>,
    /// A new password. Ends every login of the account.
    pub password: Option<Secret>,
    /// False suspends the account: all its logins and sessions end immediately. True reactivates it.
    pub active: Option<bool>,
    /// True removes the second factor, for a user who lost it.
    #[serde(default)]
    pub forget_totp: bool,
}

/// Input of [`Users::list_users`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct UserQuery {
    /// Substring of name or e-mail address; wildcards are not supported.
    #[serde(default)]
    pub search: String,
    /// Only active or only suspended accounts.
    pub active: Option<bool>,
    /// Only names after this one; for the next page.
    pub after: Option<Username>,
    /// Page size, 1 to 500.
    #[serde(default = "crate::number::<100>")]
    pub limit: u32,
}

/// An account, as shown to operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserInfo {
    /// Its id.
    pub id: UserId,
    /// Its name.
    pub username: Username,
    /// Its e-mail address.
    pub email: Option<String>,
    /// False while suspended.
    pub is_active: bool,
    /// Maximum number of devices connected at once.
    pub max_devices: u32,
    /// Monthly quota, bytes; `None`: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month_quota: Option<u64>,
    /// Traffic policy.
    #[serde(default, skip_serializing_if = "TrafficPolicy::is_default")]
    pub traffic_policy: TrafficPolicy,
    /// True when a login requires an authenticator code.
    pub totp: bool,
    /// Creation time.
    pub created_at: UnixSeconds,
    /// Latest login.
    pub last_login_at: Option<UnixSeconds>,
}

/// One page of accounts, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPage {
    /// The accounts.
    pub users: Vec<UserInfo>,
    /// Number of matching accounts on all pages.
    pub total: u64,
}

/// A device of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// Its id.
    pub id: DeviceId,
    /// The owner's account.
    pub user_id: UserId,
    /// The name that the user chose.
    pub name: DeviceName,
    /// False for devices that log in with envelope version 1.
    pub has_key: bool,
    /// True while the device has a valid login.
    pub logged_in: bool,
    /// Creation time.
    pub created_at: UnixSeconds,
    /// Latest login.
    pub last_login_at: UnixSeconds,
}

/// Identifies a device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeviceRef {
    /// Its id.
    pub device_id: DeviceId,
}

/// Input of [`Users::export_device`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExportDevice {
    /// Name, e-mail address or id of the account.
    pub user: String,
    /// The device's name.
    pub name: DeviceName,
}

/// An exported device created by an operator, with the secrets for its one connect.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExportedDevice {
    /// The owner's account name.
    pub username: Username,
    /// Its id.
    pub device_id: DeviceId,
    /// Access token for the connect call. Valid for at most two minutes, without a refresh token.
    pub access_token: Secret,
    /// 32 bytes in base64url: the secret from which both lanes' preshared keys are derived.
    pub export: Secret,
}

/// An action of an account's owner, authorised by an access token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OwnAct<T> {
    /// The access token.
    pub access_token: Secret,
    /// The action.
    #[serde(flatten)]
    pub what: T,
}

/// Input of [`Users::change_own_password`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangePassword {
    /// The current password.
    pub current: Secret,
    /// The new password.
    pub new: Secret,
}

/// Input of [`Users::update_own`]. Absent fields stay unchanged.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct UpdateOwn {
    /// A new e-mail address; empty removes it.
    pub email: Option<String>,
    /// A new name for the requesting device.
    pub device_name: Option<DeviceName>,
}

/// Input of [`Users::begin_own_totp`] and [`Users::end_own_totp`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OwnPassword {
    /// The account's password.
    pub password: Secret,
}

/// Input of [`Users::confirm_own_totp`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TotpCode {
    /// Six digits from the authenticator.
    pub code: Secret,
}

/// Input that consists of the token only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nothing {}

tornado_rpc::contract! {
    /// Accounts and devices. Methods that revoke rights end the affected logins, sessions and peers before they
    /// respond.
    trait Users, client UsersClient, error AuthError, callers ServiceName {
        /// Creates an account.
        create_user(Acting<CreateUser>) -> UserInfo = POST "/v1/users", within 20, up to 8_192, for [Admin];
        /// Changes, suspends or reactivates an account.
        update_user(Acting<UpdateUser>) -> UserInfo = PATCH "/v1/users", within 20, up to 8_192, for [Admin];
        /// Deletes an account: its name becomes available, its history is kept.
        delete_user(Acting<UserRef>) -> Done = DELETE "/v1/users", within 20, up to 4_096, for [Admin];
        /// One account.
        show_user(Acting<UserRef>) -> UserInfo = POST "/v1/users/show", within 15, up to 4_096, for [Admin];
        /// One page of accounts, sorted by name.
        list_users(Acting<UserQuery>) -> UserPage = POST "/v1/users/list", within 15, up to 4_096, for [Admin];
        /// Devices of an account.
        list_devices(Acting<UserRef>) -> Vec<DeviceInfo> = POST "/v1/users/devices", within 15, up to 4_096, for [Admin];
        /// Removes a device.
        remove_device(Acting<DeviceRef>) -> Done = DELETE "/v1/devices", within 20, up to 4_096, for [Admin];
        /// Creates an exported device without the owner's password. Only for root, because it replaces a login.
        export_device(Acting<ExportDevice>) -> ExportedDevice = POST "/v1/devices", within 15, up to 4_096, for [];
        /// Ends every login of an account without suspending it.
        revoke_user(Acting<UserRef>) -> Done = POST "/v1/users/revoke", within 20, up to 4_096, for [Admin];

        /// Changes the owner's e-mail address or the device's name.
        update_own(OwnAct<UpdateOwn>) -> Done = PATCH "/v1/own", within 20, up to 16_384, for [ClientApi];
        /// Changes the owner's password and ends the logins of all other devices.
        change_own_password(OwnAct<ChangePassword>) -> Done = PUT "/v1/own/password", within 20, up to 16_384, for [ClientApi];
        /// The owner's devices.
        own_devices(OwnAct<Nothing>) -> Vec<DeviceInfo> = POST "/v1/own/devices", within 15, up to 16_384, for [ClientApi];
        /// Removes one of the owner's devices; the requesting device is allowed.
        remove_own_device(OwnAct<DeviceRef>) -> Done = DELETE "/v1/own/devices", within 20, up to 16_384, for [ClientApi];
        /// Creates an authenticator secret. Login does not require a code until the secret is confirmed.
        begin_own_totp(OwnAct<OwnPassword>) -> TotpOffer = POST "/v1/own/totp", within 20, up to 16_384, for [ClientApi];
        /// Confirms the secret with a first code. The recovery codes are returned only here.
        confirm_own_totp(OwnAct<TotpCode>) -> RecoveryCodes = PUT "/v1/own/totp", within 20, up to 16_384, for [ClientApi];
        /// Removes the second factor.
        end_own_totp(OwnAct<OwnPassword>) -> Done = DELETE "/v1/own/totp", within 20, up to 16_384, for [ClientApi];
    }
}
