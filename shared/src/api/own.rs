//! What an account's owner changes.

use crate::model::{CloseReason, DeviceId, DeviceName, Secret, SessionId, Transfer, UnixSeconds};
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

/// Bytes on each lane, seen from the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneBytes {
    /// Direct lane.
    pub direct: Transfer,
    /// Tor lane.
    pub tor: Transfer,
}

impl LaneBytes {
    /// Both lanes, both ways.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        let both = self.direct.plus(self.tor);
        both.rx_bytes.saturating_add(both.tx_bytes)
    }
}

/// How much an account may move in a month, and what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaView {
    /// Bytes a month, both lanes and both ways together.
    pub bytes: u64,
    /// Bytes of this month that count.
    pub used: u64,
    /// Bytes that may still be moved.
    pub left: u64,
    /// When the next month begins, in UTC.
    pub renews_at: UnixSeconds,
}

impl QuotaView {
    /// A quota of which `used` bytes are gone.
    #[must_use]
    pub const fn new(bytes: u64, used: u64, renews_at: UnixSeconds) -> Self {
        Self { bytes, used, left: bytes.saturating_sub(used), renews_at }
    }

    /// Hundredths that are used, at most 100.
    #[must_use]
    pub fn percent(&self) -> u64 {
        let percent = u128::from(self.used) * 100 / u128::from(self.bytes.max(1));
        u64::try_from(percent.min(100)).unwrap_or(100)
    }

    /// True from 80 hundredths on: time to tell the owner.
    #[must_use]
    pub fn is_nearly_used(&self) -> bool {
        self.percent() >= 80
    }
}

/// Answer of `GET /v2/me/usage`: what the account moved, with all its devices, up to this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnUsage {
    /// Sessions since the account was made.
    pub sessions: u64,
    /// Since the account was made.
    pub total: LaneBytes,
    /// Since midnight, in UTC.
    pub today: LaneBytes,
    /// Since the month began, in UTC.
    pub month: LaneBytes,
    /// The quota; none: there is none.
    pub quota: Option<QuotaView>,
}

/// A connection of the account that was or is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnSession {
    /// Its number.
    pub session_id: SessionId,
    /// Which device.
    pub device_id: DeviceId,
    /// When it began.
    pub started_at: UnixSeconds,
    /// When it ended; none while it lives.
    pub ended_at: Option<UnixSeconds>,
    /// Why it ended.
    pub reason: Option<CloseReason>,
    /// Bytes on the direct lane, seen from the server.
    pub direct: Transfer,
    /// Bytes on the tor lane, seen from the server.
    pub tor: Transfer,
}

/// Query of `GET /v2/me/sessions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionsQuery {
    /// Only connections that began before this one; none: from the newest on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<SessionId>,
    /// How many at most, 1 to 100.
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

/// Answer of `GET /v2/me/sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnSessions {
    /// Newest first.
    pub sessions: Vec<OwnSession>,
    /// To be given as `before` for the next page; none: this is the last.
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
