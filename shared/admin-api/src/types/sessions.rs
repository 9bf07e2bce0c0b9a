//! Sessions.

use super::{Bytes, inputs, views, words};
use uuid::Uuid;

words! {
    /// State of a session.
    pub enum SessionState {
        /// Peers are being configured.
        Connecting,
        /// There was a recent heartbeat or handshake.
        Online,
        /// There was neither.
        Offline,
        /// The session has ended.
        Closed,
    }

    /// A lane.
    pub enum Lane {
        /// The server's own uplink.
        Direct,
        /// Through Tor.
        Tor,
    }
}

views! {
    /// A live session.
    pub struct SessionView {
        /// Its id.
        pub id: Uuid,
        /// Id of the account.
        pub user_id: Uuid,
        /// Name of the account.
        pub username: String,
        /// Id of the device.
        pub device_id: Uuid,
        /// The device's WireGuard key.
        pub public_key: String,
        /// State.
        pub state: SessionState,
        /// The lane of the latest activity.
        pub lane: Option<Lane>,
        /// Source address and port of that activity.
        pub endpoint: Option<String>,
        /// The device's IPv4 and IPv6 addresses on the direct lane.
        pub direct_addresses: [String; 2],
        /// The device's IPv4 and IPv6 addresses on the tor lane.
        pub tor_addresses: [String; 2],
        /// Start time.
        pub started_at: i64,
        /// Latest heartbeat.
        pub last_heartbeat: i64,
        /// Seconds since the latest handshake.
        pub handshake_age: Option<u64>,
        /// Transferred on the direct lane.
        pub direct: Bytes,
        /// Transferred on the tor lane.
        pub tor: Bytes,
    }

    /// A past or live session.
    pub struct HistoryView {
        /// Its id.
        pub id: Uuid,
        /// Id of the account.
        pub user_id: Uuid,
        /// Name of the account at that time.
        pub username: String,
        /// Id of the device.
        pub device_id: Uuid,
        /// Start time.
        pub started_at: i64,
        /// End time; absent while the session is live.
        pub ended_at: Option<i64>,
        /// Close reason.
        pub reason: Option<String>,
        /// Transferred on the direct lane.
        pub direct: Bytes,
        /// Transferred on the tor lane.
        pub tor: Bytes,
    }

    /// Data of the event `session`: a session changed. It contains no names and no addresses.
    pub struct SessionEventView {
        /// Time of the event.
        pub at: i64,
        /// `created`, `offline`, `recovered`, `closed` or `quota`.
        pub kind: String,
        /// Close reason, for `closed`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reason: Option<String>,
        /// The session.
        pub session_id: Uuid,
        /// Id of the account.
        pub user_id: Uuid,
        /// Id of the device.
        pub device_id: Uuid,
    }

    /// Result of closing a session.
    #[derive(Copy, Eq)]
    pub struct Closed {
        /// The closed session; absent: the device had none.
        pub session_id: Option<Uuid>,
    }
}

inputs! {
    /// Filters of the live sessions.
    #[derive(Default)]
    pub struct SessionsQuery {
        /// Only this account.
        #[serde(default)]
        pub user_id: Option<Uuid>,
        /// Only this state.
        #[serde(default)]
        pub state: Option<SessionState>,
        /// Only this lane.
        #[serde(default)]
        pub lane: Option<Lane>,
        /// Only sessions whose account name, device, key, endpoint or address contains this text.
        #[serde(default)]
        pub search: Option<String>,
        /// `next` of the page before.
        #[serde(default)]
        pub cursor: Option<String>,
        /// Largest number of items, 1 to 1,000; default 100.
        #[serde(default)]
        pub limit: Option<u32>,
    }

    /// Filters of the history.
    #[derive(Default)]
    pub struct HistoryQuery {
        /// Only this account.
        #[serde(default)]
        pub user_id: Option<Uuid>,
        /// `next` of the page before.
        #[serde(default)]
        pub cursor: Option<String>,
        /// Largest number of items, 1 to 500; default 50.
        #[serde(default)]
        pub limit: Option<u32>,
    }
}
