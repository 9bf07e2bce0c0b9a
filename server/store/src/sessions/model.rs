//! Rows, inputs and outcomes of the session store.

use std::str::FromStr;
use tornado_shared::model::{
    CloseReason, DeviceId, FamilyId, PresharedKey, PublicKey, SessionId, SessionState, Slot, Transfer, UnixSeconds,
    UserId, Username,
};

/// One preshared key per lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresharedPair {
    /// Key of the direct lane.
    pub direct: PresharedKey,
    /// Key of the tor lane.
    pub tor: PresharedKey,
}

/// Accounting of one lane. `total` are the bytes of the session, `base` the counters of the interface at which `total`
/// was correct. The next reading adds `reading.since(base)`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneCount {
    /// Bytes of the session so far.
    pub total: Transfer,
    /// Counters of the interface at that time.
    pub base: Transfer,
}

impl LaneCount {
    /// Adds a reading of the interface's counters.
    #[must_use]
    pub const fn read(self, reading: Transfer) -> Self {
        Self { total: self.total.plus(reading.since(self.base)), base: reading }
    }
}

/// A live session with everything needed to add its peers again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Id of the session.
    pub session_id: SessionId,
    /// Device of the session.
    pub device_id: DeviceId,
    /// Account of the device.
    pub user_id: UserId,
    /// Login that opened the session; tokens of another login must not control it.
    pub family_id: FamilyId,
    /// Name of the account at the time of the connect.
    pub username: Username,
    /// Gateway of the session.
    pub node_id: String,
    /// Slot in both pools.
    pub slot: Slot,
    /// The device's WireGuard key.
    pub public_key: PublicKey,
    /// True for an exported device, which sends no heartbeats; its session lasts until it is closed.
    pub exported: bool,
    /// Preshared keys of both lanes, or `None`.
    pub preshared_keys: Option<PresharedPair>,
    /// Isolation number on the tor lane, 1 to 2^22 - 2; unique among live sessions of the gateway.
    pub isolation: u32,
    /// `Connecting`, `Online` or `Offline`; closed sessions have no row.
    pub state: SessionState,
    /// Start of the session.
    pub started_at: UnixSeconds,
    /// Latest heartbeat as of the latest checkpoint.
    pub last_heartbeat: UnixSeconds,
    /// Latest handshake as of the latest checkpoint.
    pub latest_handshake: Option<UnixSeconds>,
    /// Start of the offline period; set in state `Offline` only.
    pub offline_since: Option<UnixSeconds>,
    /// Counters of the direct lane.
    pub direct: LaneCount,
    /// Counters of the tor lane.
    pub tor: LaneCount,
}

/// Input of [`SqlSessions::open`](super::SqlSessions::open).
#[derive(Debug, Clone)]
pub struct OpenSession {
    /// Id of the session, if a new one is created.
    pub session_id: SessionId,
    /// Account of the device.
    pub user_id: UserId,
    /// Login that connects.
    pub family_id: FamilyId,
    /// Name of the account.
    pub username: Username,
    /// Device that connects.
    pub device_id: DeviceId,
    /// Gateway.
    pub node_id: String,
    /// The device's WireGuard key.
    pub public_key: PublicKey,
    /// True for an exported device, which sends no heartbeats.
    pub exported: bool,
    /// Preshared keys of both lanes, or `None`.
    pub preshared_keys: Option<PresharedPair>,
    /// Number of the user's devices that may have a live session at once.
    pub max_devices: u32,
    /// First and last slot of this gateway.
    pub slots: (Slot, Slot),
    /// Rest time of a released slot in seconds.
    pub quarantine: i64,
    /// Marks of the account that may be missing, from before this session. Written with the session unless they exist.
    pub marks: Vec<Mark>,
    /// Current time.
    pub now: UnixSeconds,
}

impl OpenSession {
    /// The row of the session that starts with this, in `slot` and with an isolation number.
    #[must_use]
    pub fn row(&self, slot: Slot, isolation: u32) -> SessionRow {
        SessionRow {
            session_id: self.session_id,
            device_id: self.device_id,
            user_id: self.user_id,
            family_id: self.family_id,
            username: self.username.clone(),
            node_id: self.node_id.clone(),
            slot,
            public_key: self.public_key,
            exported: self.exported,
            preshared_keys: self.preshared_keys.clone(),
            isolation,
            state: SessionState::Connecting,
            started_at: self.now,
            last_heartbeat: self.now,
            latest_handshake: None,
            offline_since: None,
            direct: LaneCount::default(),
            tor: LaneCount::default(),
        }
    }
}

/// Quota of an account for a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthQuota {
    /// Month: year times twelve plus month, from zero, in UTC.
    pub month: i64,
    /// Total of the account in bytes at the start of the month, or when it got its quota.
    pub base: u64,
    /// Bytes per month, both directions together.
    pub quota: u64,
}

/// Outcome of [`SqlSessions::open`](super::SqlSessions::open).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// A new session in state `Connecting`.
    New {
        /// Row of the session.
        row: Box<SessionRow>,
        /// True if the device had this slot before, so that packets may have been sent with its addresses.
        held_before: bool,
        /// Another session of the device, which the same transaction closed as `replaced`.
        replaced: Option<Box<SessionRow>>,
    },
    /// The device already has a live session of this login with this key; nothing was changed.
    Existing(Box<SessionRow>),
    /// A live session of another device has this key.
    KeyInUse,
    /// The user's other devices use all device slots of the account.
    MaxDevices,
    /// Every address slot is leased or in quarantine.
    PoolExhausted,
}

/// What happens to the addresses when a session closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterClose {
    /// They rest before another device may get them.
    Quarantine,
    /// They were never used for a packet and are free immediately.
    FreeNow,
}

/// Input of [`SqlSessions::close`](super::SqlSessions::close).
#[derive(Debug, Clone, Copy)]
pub struct CloseSession {
    /// Id of the session.
    pub session_id: SessionId,
    /// Reason of the close.
    pub reason: CloseReason,
    /// Time of the close.
    pub at: UnixSeconds,
    /// Final bytes of the direct lane.
    pub direct: Transfer,
    /// Final bytes of the tor lane.
    pub tor: Transfer,
    /// What happens to the lease.
    pub lease: AfterClose,
}

/// Mutable columns of a live row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Id of the session.
    pub session_id: SessionId,
    /// Time of the latest heartbeat.
    pub last_heartbeat: UnixSeconds,
    /// Time of the latest handshake.
    pub latest_handshake: Option<UnixSeconds>,
    /// Counters of the direct lane.
    pub direct: LaneCount,
    /// Counters of the tor lane.
    pub tor: LaneCount,
}

/// One connection, past or current.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRecord {
    /// Id of the session.
    pub session_id: SessionId,
    /// Account of the device.
    pub user_id: UserId,
    /// Name of the account at that time.
    pub username: Username,
    /// Device of the session.
    pub device_id: DeviceId,
    /// Start of the connection.
    pub started_at: UnixSeconds,
    /// End and its reason; `None` for a live session.
    pub ended: Option<(UnixSeconds, CloseReason)>,
    /// Bytes on the direct lane; for a live session, as of its latest checkpoint.
    pub direct: Transfer,
    /// Bytes on the tor lane; for a live session, as of its latest checkpoint.
    pub tor: Transfer,
}

/// Usage of a gateway's pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolCount {
    /// Slots of live sessions.
    pub leased: u32,
    /// Slots in quarantine.
    pub resting: u32,
}

/// A day or month in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Numbered in days since 1970.
    Day,
    /// Numbered as year times twelve plus month, from zero.
    Month,
}

impl Span {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Day, Self::Month];

    /// Stored name.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

impl FromStr for Span {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|span| span.word() == word).ok_or(())
    }
}

/// Total of an account at the start of a day or month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Kind of the span.
    pub span: Span,
    /// Number of the day or month.
    pub number: i64,
    /// Bytes on the direct lane.
    pub direct: Transfer,
    /// Bytes on the tor lane.
    pub tor: Transfer,
}

/// Transfer of an account on a past day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayUsage {
    /// The day, numbered since 1970 (UTC).
    pub day: i64,
    /// Bytes on the direct lane.
    pub direct: Transfer,
    /// Bytes on the tor lane.
    pub tor: Transfer,
}

/// Total of an account's ended sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Number of sessions.
    pub sessions: u64,
    /// Bytes on the direct lane.
    pub direct: Transfer,
    /// Bytes on the tor lane.
    pub tor: Transfer,
}

/// Bytes of a live session on any gateway, as of its latest checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveBytes {
    /// Id of the session.
    pub session_id: SessionId,
    /// Bytes on the direct lane.
    pub direct: Transfer,
    /// Bytes on the tor lane.
    pub tor: Transfer,
}

/// Total of an account at one point in time. Every session is in exactly one part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moved {
    /// Ended sessions, including those no longer in the history.
    pub ended: Usage,
    /// Live sessions.
    pub live: Vec<LiveBytes>,
}
