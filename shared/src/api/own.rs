//! What an account's owner changes.

use crate::model::{DeviceId, DeviceName, Secret, UnixSeconds};
use serde::{Deserialize, Serialize};

/// Body of `PATCH /v2/me`. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateMe {
    /// A new e-mail address; empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A new name for the device that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_name: Option<DeviceName>,
}

/// Body of `PUT /v2/me/password`. Every other device is logged out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The password of now.
    pub current: Secret,
    /// The next one, at least 10 characters.
    pub new: Secret,
}

/// Body of `POST` and `DELETE /v2/me/totp`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordAgain {
    /// The account's password.
    pub password: Secret,
}

/// Body of `PUT /v2/me/totp`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstCode {
    /// Six digits of the authenticator.
    pub code: Secret,
}

/// A device as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnDevice {
    /// Its number.
    pub id: DeviceId,
    /// What the owner calls it.
    pub name: DeviceName,
    /// True while somebody is logged in with it.
    pub logged_in: bool,
    /// When it was first seen.
    pub created_at: UnixSeconds,
    /// Latest login.
    pub last_login_at: UnixSeconds,
}

/// Answer of `GET /v2/me/devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnDevices {
    /// All, oldest first.
    pub devices: Vec<OwnDevice>,
}
