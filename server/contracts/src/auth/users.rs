//! Users and their devices, as operators and as they themselves change them.

use super::{Acting, AuthError};
use crate::{ServiceName, Treatment};
use serde::{Deserialize, Serialize};
use tornado_rpc::Done;
use tornado_shared::api::{RecoveryCodes, TotpOffer};
use tornado_shared::model::{DeviceId, DeviceName, Secret, UnixSeconds, UserId, Username};

/// Input of [`Users::create`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreateUser {
    /// The name.
    pub username: Username,
    /// The e-mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// The password, at least 10 characters.
    pub password: Secret,
    /// Devices that may be connected at once, 1 to 10.
    pub max_devices: u32,
}

/// Which account, by name or number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRef {
    /// Its name or its number.
    pub user: String,
}

/// Input of [`Users::update`]. What is absent stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct UpdateUser {
    /// Its name or its number.
    pub user: String,
    /// A new name.
    #[serde(default)]
    pub username: Option<Username>,
    /// A new e-mail address; empty: none.
    #[serde(default)]
    pub email: Option<String>,
    /// Devices that may be connected at once. Lowering it ends the sessions that are too many, the newest first.
    #[serde(default)]
    pub max_devices: Option<u32>,
    /// Bytes that it may move in a calendar month, both ways and lanes together; 0: as many as it likes. Heeded from
    /// the next connect of any of its devices on.
    #[serde(default)]
    pub month_quota: Option<u64>,
    /// Bytes a second to all of its devices together; 0: as many as there are. Heeded within seconds, as the two that follow.
    #[serde(default)]
    pub download_rate: Option<u64>,
    /// Bytes a second from all of its devices together; 0: as many as there are.
    #[serde(default)]
    pub upload_rate: Option<u64>,
    /// True lets its devices reach each other on the direct lane.
    #[serde(default)]
    pub together: Option<bool>,
    /// A new password. Ends every login of the account.
    #[serde(default)]
    pub password: Option<Secret>,
    /// False suspends: every login and session ends at once. True lets in again.
    #[serde(default)]
    pub active: Option<bool>,
    /// True takes the second factor away, for somebody who lost it.
    #[serde(default)]
    pub forget_totp: bool,
}

/// Input of [`Users::list`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct UserQuery {
    /// Part of the name or address; no wildcards.
    #[serde(default)]
    pub search: String,
    /// Only active or only suspended accounts.
    #[serde(default)]
    pub active: Option<bool>,
    /// Only names after this one; for the next page.
    #[serde(default)]
    pub after: Option<Username>,
    /// Accounts a page, 1 to 500.
    #[serde(default = "default_limit")]
    pub limit: u32,
}

const fn default_limit() -> u32 {
    100
}

/// An account as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserInfo {
    /// Its number.
    pub id: UserId,
    /// Its name.
    pub username: Username,
    /// Its e-mail address.
    pub email: Option<String>,
    /// False while suspended.
    pub is_active: bool,
    /// Devices that may be connected at once.
    pub max_devices: u32,
    /// Bytes that it may move in a calendar month; none: as many as it likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month_quota: Option<u64>,
    /// Its rates and exceptions.
    #[serde(default, skip_serializing_if = "Treatment::is_usual")]
    pub treatment: Treatment,
    /// True when a login asks for a code.
    pub totp: bool,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// Latest login.
    pub last_login_at: Option<UnixSeconds>,
}

/// A page of accounts, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPage {
    /// The accounts.
    pub users: Vec<UserInfo>,
    /// How many match in all, whatever the page.
    pub total: u64,
}

/// A device of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// Its number.
    pub id: DeviceId,
    /// Whose.
    pub user_id: UserId,
    /// What the user calls it.
    pub name: DeviceName,
    /// False for clients of the original.
    pub has_key: bool,
    /// True while somebody is logged in with it.
    pub logged_in: bool,
    /// When it was first seen.
    pub created_at: UnixSeconds,
    /// Latest login.
    pub last_login_at: UnixSeconds,
}

/// Which device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeviceRef {
    /// Its number.
    pub device_id: DeviceId,
}

/// Input of [`Users::issue_device`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IssueDevice {
    /// Name, e-mail address or number of the account.
    pub user: String,
    /// What to call the device.
    pub name: DeviceName,
}

/// A device that an operator made for somebody, and what is needed to connect it once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IssuedDevice {
    /// Whose.
    pub username: Username,
    /// Its number.
    pub device_id: DeviceId,
    /// To connect it as an ordinary WireGuard app. An access token like any other, but good for two minutes at most, and
    /// there is no refresh token to it.
    pub access_token: Secret,
    /// 32 bytes in base64url: the secret from which the preshared keys of both lanes come.
    pub export: Secret,
}

/// Acts of an account's owner, whose right is an access token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OwnAct<T> {
    /// The access token.
    pub access_token: Secret,
    /// What is to be done.
    #[serde(flatten)]
    pub what: T,
}

/// Input of [`Users::change_own_password`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangePassword {
    /// The password of now.
    pub current: Secret,
    /// The next one.
    pub new: Secret,
}

/// Input of [`Users::update_own`]. What is absent stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct UpdateOwn {
    /// A new e-mail address; empty: none.
    #[serde(default)]
    pub email: Option<String>,
    /// A new name for the device that asks.
    #[serde(default)]
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
    /// Six digits of the authenticator.
    pub code: Secret,
}

/// Input without anything but the token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nothing {}

tornado_rpc::contract! {
    /// Accounts and devices. Whatever takes a right away ends logins, sessions and both peers before it answers.
    trait Users, client UsersClient, error AuthError, callers ServiceName {
        /// Makes an account.
        create(Acting<CreateUser>) -> UserInfo = POST "/v1/users", within 20, up to 8_192, for [Admin];
        /// Changes an account, suspends it or lets it in again.
        update(Acting<UpdateUser>) -> UserInfo = PATCH "/v1/users", within 20, up to 8_192, for [Admin];
        /// Deletes an account: its name is free again, its history stays.
        delete(Acting<UserRef>) -> Done = DELETE "/v1/users", within 20, up to 4_096, for [Admin];
        /// One account.
        show(Acting<UserRef>) -> UserInfo = POST "/v1/users/show", within 15, up to 4_096, for [Admin];
        /// Accounts by name.
        list(Acting<UserQuery>) -> UserPage = POST "/v1/users/list", within 15, up to 4_096, for [Admin];
        /// Devices of an account.
        devices(Acting<UserRef>) -> Vec<DeviceInfo> = POST "/v1/users/devices", within 15, up to 4_096, for [Admin];
        /// Removes a device.
        remove_device(Acting<DeviceRef>) -> Done = DELETE "/v1/devices", within 20, up to 4_096, for [Admin];
        /// Makes a device for an ordinary WireGuard app, without its owner's password. Root's, as it stands in for a login.
        issue_device(Acting<IssueDevice>) -> IssuedDevice = POST "/v1/devices", within 15, up to 4_096, for [];
        /// Ends every login of an account, without suspending it.
        revoke(Acting<UserRef>) -> Done = POST "/v1/users/revoke", within 20, up to 4_096, for [Admin];

        /// The owner changes address or device name.
        update_own(OwnAct<UpdateOwn>) -> Done = PATCH "/v1/own", within 20, up to 16_384, for [ClientApi];
        /// The owner changes the password: every other device is logged out.
        change_own_password(OwnAct<ChangePassword>) -> Done = PUT "/v1/own/password", within 20, up to 16_384, for [ClientApi];
        /// The owner's devices.
        own_devices(OwnAct<Nothing>) -> Vec<DeviceInfo> = POST "/v1/own/devices", within 15, up to 16_384, for [ClientApi];
        /// The owner removes a device, the asking one too.
        remove_own_device(OwnAct<DeviceRef>) -> Done = DELETE "/v1/own/devices", within 20, up to 16_384, for [ClientApi];
        /// Makes a secret for an authenticator. Nothing is asked for until it is confirmed.
        begin_own_totp(OwnAct<OwnPassword>) -> TotpOffer = POST "/v1/own/totp", within 20, up to 16_384, for [ClientApi];
        /// Confirms it with a first code. The recovery codes are shown only now.
        confirm_own_totp(OwnAct<TotpCode>) -> RecoveryCodes = PUT "/v1/own/totp", within 20, up to 16_384, for [ClientApi];
        /// Takes the second factor away.
        end_own_totp(OwnAct<OwnPassword>) -> Done = DELETE "/v1/own/totp", within 20, up to 16_384, for [ClientApi];
    }
}
