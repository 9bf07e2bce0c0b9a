//! Sessions.

use super::{Lane, Page, Values};
use serde::{Deserialize, Serialize};

/// What the list shows: from the address of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Part of a user's or device's name, or an address.
    pub text: Option<String>,
    /// Only this state.
    pub state: Option<SessionState>,
    /// Only this lane.
    pub lane: Option<Lane>,
    /// Column that sorts, descending with `-` before it.
    pub sort: Option<String>,
    /// Position of the first row.
    pub offset: u64,
}

/// State of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// No handshake yet.
    Connecting,
    /// Packets pass.
    Online,
    /// No recent handshake; its address is held.
    Offline,
}

/// A row of the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its identifier.
    pub id: String,
    /// The user.
    pub user: String,
    /// Identifier of the device.
    pub device_id: String,
    /// Name of the device.
    pub device: String,
    /// State.
    pub state: SessionState,
    /// Lane; none while it connects.
    pub lane: Option<Lane>,
    /// Bits per second to the device.
    pub down: Option<f64>,
    /// Bits per second from the device.
    pub up: Option<f64>,
    /// Bytes in both directions.
    pub transferred: u64,
    /// Age of the latest handshake.
    pub handshake_s: Option<u64>,
    /// Age of the session.
    pub age_s: u64,
    /// Address that the device connects from.
    pub endpoint: Option<String>,
}

/// The list, with the parts of its count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sessions {
    /// The rows.
    pub page: Page<Session>,
    /// Sessions that are online and offline, without filters, if known.
    pub numbers: Option<(u64, u64)>,
}

/// One session with its detail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionDetail {
    /// The row.
    pub session: Session,
    /// Addresses inside each lane.
    pub addresses: Vec<(Lane, String)>,
    /// The device's WireGuard key.
    pub public_key: String,
    /// Age of the latest heartbeat.
    pub heartbeat_s: Option<u64>,
    /// Bits per second to the device, over the last minute.
    pub down_course: Values,
    /// Bits per second from the device, over the last minute.
    pub up_course: Values,
    /// Bytes by lane: lane, to the device, from the device.
    pub by_lane: Vec<(Lane, u64, u64)>,
    /// When the values were read.
    pub as_of: i64,
}
