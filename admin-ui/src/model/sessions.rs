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
    /// Columns that the operator has hidden in this browser.
    pub hidden: Vec<Column>,
}

/// A column that can be hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// Name of the device.
    Device,
    /// The lane.
    Lane,
    /// Rate to the device.
    Down,
    /// Rate from the device.
    Up,
    /// Bytes in both directions.
    Transferred,
    /// Age of the latest handshake.
    Handshake,
    /// Age of the session.
    Age,
    /// Address that the device connects from.
    Endpoint,
}

impl Column {
    /// All, in the order of the list.
    pub const ALL: [Self; 8] =
        [Self::Device, Self::Lane, Self::Down, Self::Up, Self::Transferred, Self::Handshake, Self::Age, Self::Endpoint];

    /// Its word in the cookie and in the form.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Lane => "lane",
            Self::Down => "down",
            Self::Up => "up",
            Self::Transferred => "transferred",
            Self::Handshake => "handshake",
            Self::Age => "age",
            Self::Endpoint => "endpoint",
        }
    }

    /// The columns of a cookie: words, separated by full stops.
    pub fn of_words(words: &str) -> Vec<Self> {
        Self::ALL.into_iter().filter(|column| words.split('.').any(|word| word == column.word())).collect()
    }
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
    /// What happened, newest first.
    pub happenings: Vec<Happening>,
    /// When the values were read.
    pub as_of: i64,
}

/// Something that happened to a session, or to an earlier one of its device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// When.
    pub at: i64,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The session began.
    Began,
    /// No recent heartbeat or handshake.
    Offline,
    /// Packets pass again.
    Recovered,
    /// The quota of the user is used up.
    Quota,
    /// An earlier session of the device ended.
    Ended {
        /// Why, as the history stores it.
        reason: String,
        /// How long it lasted, in seconds.
        lasted_s: u64,
        /// Bytes in both directions.
        transferred: u64,
    },
}
