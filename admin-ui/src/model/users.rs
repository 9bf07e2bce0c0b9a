//! Users and their devices.

use super::{Page, Values};
use crate::model::sessions::{DeviceKind, Session};
use serde::{Deserialize, Serialize};

/// What the list shows: from the address of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Part of a name or e-mail address.
    pub text: Option<String>,
    /// Only this state.
    pub state: Option<UserState>,
    /// Column that sorts, descending with `-` before it.
    pub sort: Option<String>,
    /// Where the part starts.
    pub cursor: Option<String>,
}

/// State of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserState {
    /// May connect.
    Active,
    /// May not, by an operator's order.
    Suspended,
    /// May not until the quota is renewed.
    OverQuota,
}

/// A row of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name.
    pub name: String,
    /// The e-mail address, if one is stored.
    pub email: Option<String>,
    /// State.
    pub state: UserState,
    /// Devices that are connected.
    pub connected: u64,
    /// Devices that may be connected at once.
    pub max_devices: u64,
    /// Bytes this month.
    pub used: u64,
    /// Bytes per month, if limited.
    pub quota: Option<u64>,
    /// Whether a second factor is set.
    pub has_second_factor: bool,
    /// Latest login.
    pub latest_login: Option<i64>,
}

impl User {
    /// Used part of the quota in percent, 100 at most.
    pub fn used_percent(&self) -> Option<u8> {
        let quota = self.quota?;
        let percent = u128::from(self.used) * 100 / u128::from(quota.max(1));
        Some(u8::try_from(percent.min(100)).unwrap_or(100))
    }
}

/// The list, with the parts of its count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Users that are suspended.
    pub suspended: u64,
    /// Users whose quota is used up.
    pub over_quota: u64,
}

/// The list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Users {
    /// The rows.
    pub page: Page<User>,
    /// The parts of its count.
    pub counts: Counts,
}

/// A device of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: DeviceKind,
    /// When it was enrolled.
    pub enrolled_at: i64,
    /// When it was last connected.
    pub latest_session_at: Option<i64>,
}

/// One user with its detail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserDetail {
    /// The row.
    pub user: User,
    /// When the user was created.
    pub created_at: i64,
    /// Its devices.
    pub devices: Vec<Device>,
    /// Its current sessions.
    pub sessions: Vec<Session>,
    /// Bytes of each of the last 30 days, oldest first.
    pub days: Values,
    /// Bits per second to the user, if limited.
    pub max_down: Option<f64>,
    /// Bits per second from the user, if limited.
    pub max_up: Option<f64>,
    /// Whether its devices may reach each other on the direct lane.
    pub peer_group: bool,
    /// When the values were read.
    pub as_of: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_part_never_exceeds_a_hundred() {
        let user = |used, quota| User {
            name: "demo-otter".into(),
            email: None,
            state: UserState::Active,
            connected: 0,
            max_devices: 3,
            used,
            quota,
            has_second_factor: false,
            latest_login: None,
        };
        assert_eq!(user(184, Some(200)).used_percent(), Some(92));
        assert_eq!(user(u64::MAX, Some(1)).used_percent(), Some(100));
        assert_eq!(user(5, Some(0)).used_percent(), Some(100));
        assert_eq!(user(5, None).used_percent(), None);
    }
}
