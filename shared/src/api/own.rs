//! Account settings, devices, usage and sessions for the account's owner.

use crate::model::{CloseReason, DeviceId, DeviceName, Secret, SessionId, Transfer, UnixSeconds};
use serde::{Deserialize, Serialize};

/// Body of `PATCH /v2/me`. Absent fields are not changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateMe {
    /// The new e-mail address; an empty text removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A new name for the calling device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_name: Option<DeviceName>,
}

/// Body of `PUT /v2/me/password`. All other devices are logged out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The current password.
    pub current: Secret,
    /// The new password, at least 10 characters.
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
    /// Six-digit code of the authenticator.
    pub code: Secret,
}

/// A device of the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnDevice {
    /// The device's ID.
    pub id: DeviceId,
    /// The device's name.
    pub name: DeviceName,
    /// True while the device has a valid login.
    pub logged_in: bool,
    /// When the device was added.
    pub created_at: UnixSeconds,
    /// Time of the latest login.
    pub last_login_at: UnixSeconds,
}

/// Response to `GET /v2/me/devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnDevices {
    /// All devices, oldest first.
    pub devices: Vec<OwnDevice>,
}

/// Bytes on each lane, counted by the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneBytes {
    /// Bytes on the direct lane.
    pub direct: Transfer,
    /// Bytes on the tor lane.
    pub tor: Transfer,
}

impl LaneBytes {
    /// Bytes on both lanes in both directions.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        let both = self.direct.plus(self.tor);
        both.rx_bytes.saturating_add(both.tx_bytes)
    }
}

/// An account's monthly quota, and what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaView {
    /// Bytes per month, on both lanes and in both directions together.
    pub bytes: u64,
    /// Bytes used this month.
    pub used: u64,
    /// Bytes left this month.
    pub left: u64,
    /// When the quota resets: the start of the next month in UTC.
    pub renews_at: UnixSeconds,
}

impl QuotaView {
    /// Creates a view of a quota of which `used` bytes are used.
    #[must_use]
    pub const fn new(bytes: u64, used: u64, renews_at: UnixSeconds) -> Self {
        Self { bytes, used, left: bytes.saturating_sub(used), renews_at }
    }

    /// Percent used, at most 100.
    #[must_use]
    pub fn percent(&self) -> u64 {
        let percent = u128::from(self.used) * 100 / u128::from(self.bytes.max(1));
        u64::try_from(percent.min(100)).unwrap_or(100)
    }

    /// True from 80 percent on: the owner should be warned.
    #[must_use]
    pub fn is_nearly_used(&self) -> bool {
        self.percent() >= 80
    }
}

/// Response to `GET /v2/me/usage`: bytes that the account's devices transferred up to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnUsage {
    /// Number of sessions since the account was created.
    pub sessions: u64,
    /// Usage since the account was created.
    pub total: LaneBytes,
    /// Usage since midnight UTC.
    pub today: LaneBytes,
    /// Usage since the start of the month in UTC.
    pub month: LaneBytes,
    /// The quota; `None` if there is no quota.
    pub quota: Option<QuotaView>,
}

/// A session of the account, past or current.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnSession {
    /// The session's ID.
    pub session_id: SessionId,
    /// The session's device.
    pub device_id: DeviceId,
    /// When the session began.
    pub started_at: UnixSeconds,
    /// When the session ended; `None` if it is still open.
    pub ended_at: Option<UnixSeconds>,
    /// Why the session ended.
    pub reason: Option<CloseReason>,
    /// Bytes on the direct lane, counted by the server.
    pub direct: Transfer,
    /// Bytes on the tor lane, counted by the server.
    pub tor: Transfer,
}

/// Query of `GET /v2/me/sessions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionsQuery {
    /// Only sessions that began before this one; `None` starts with the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<SessionId>,
    /// Maximum number of sessions, 1 to 100.
    #[serde(default = "default_page")]
    pub limit: u32,
}

const fn default_page() -> u32 {
    50
}

impl Default for SessionsQuery {
    fn default() -> Self {
        Self { before: None, limit: default_page() }
    }
}

/// Response to `GET /v2/me/sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnSessions {
    /// Sessions of this page, newest first.
    pub sessions: Vec<OwnSession>,
    /// Value of `before` for the next page; `None` on the last page.
    pub next: Option<SessionId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_warn_from_eighty_hundredths_on() {
        let at = |used| QuotaView::new(1000, used, 0);
        assert_eq!((at(799).is_nearly_used(), at(800).is_nearly_used()), (false, true));
        assert_eq!((at(1500).left, at(1500).percent(), at(250).left), (0, 100, 750));
        assert_eq!(QuotaView::new(u64::MAX, u64::MAX, 0).percent(), 100);
    }
}
