//! Users and their devices.

use super::{Lane, Page};
use crate::model::sessions::Session;
use serde::{Deserialize, Serialize};

/// What the list shows: from the address of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Part of a name or e-mail address.
    pub text: Option<String>,
    /// Only this state.
    pub state: Option<UserState>,
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
    /// Devices that are connected, if known.
    pub connected: Option<u64>,
    /// Devices that may be connected at once.
    pub max_devices: u64,
    /// Bytes per month, if limited.
    pub quota: Option<u64>,
    /// Whether a second factor is set.
    pub has_second_factor: bool,
    /// Latest login.
    pub latest_login: Option<i64>,
}

/// The list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Users {
    /// The rows.
    pub page: Page<User>,
}

/// A device of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it has a valid login.
    pub is_logged_in: bool,
    /// When it was enrolled.
    pub enrolled_at: i64,
    /// Its latest login.
    pub latest_login: i64,
}

/// A session that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastSession {
    /// Name of the device, if it still exists.
    pub device: String,
    /// When it started.
    pub started_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// Why it ended, as the history stores it.
    pub reason: String,
    /// Bytes on the direct lane.
    pub direct: u64,
    /// Bytes on the tor lane.
    pub tor: u64,
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
    /// Past sessions, newest first.
    pub history: Vec<PastSession>,
    /// Number of sessions since the user was created, if known.
    pub total_sessions: Option<u64>,
    /// Bytes since then by lane: to the devices, from the devices.
    pub by_lane: Vec<(Lane, u64, u64)>,
    /// Bits per second to the user, if limited.
    pub max_down: Option<f64>,
    /// Bits per second from the user, if limited.
    pub max_up: Option<f64>,
    /// Whether its devices may reach each other on the direct lane.
    pub peer_group: bool,
    /// When the values were read.
    pub as_of: i64,
}
