//! Durable state of service `session`: address leases, live sessions, history.
//!
//! One slot number stands for a device's addresses on both lanes, so one row is one lease of both.
//! A lease, its live session and its history row come in one transaction and go in one transaction.

mod allowances;
mod deadline;
mod exits;
mod history;
mod isolation;
mod leases;
mod live_rows;
mod marks;
mod rows;
mod sql;
mod turns;
mod usage;

#[cfg(test)]
mod amounts_tests;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod postgres_tests;
#[cfg(test)]
mod tests;

pub use deadline::Deadlined;
pub use marks::{Mark, Span};
pub use sql::SqlSessions;
pub use usage::{LiveBytes, Moved, Usage};

use crate::StoreError;
use async_trait::async_trait;
use std::collections::HashMap;
use tornado_shared::model::{
    CloseReason, CountryCode, DeviceId, FamilyId, PresharedKey, PublicKey, SessionId, SessionState, Slot, Transfer,
    UnixSeconds, UserId, Username,
};

/// One preshared key a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresharedPair {
    /// For the direct lane.
    pub direct: PresharedKey,
    /// For the tor lane.
    pub tor: PresharedKey,
}

/// A lane's accounting: `total` is what the session moved, `base` the interface's counters at which
/// `total` was true. The next reading adds `reading.since(base)`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneCount {
    /// Bytes of the session so far.
    pub total: Transfer,
    /// The interface's counters then.
    pub base: Transfer,
}

impl LaneCount {
    /// Takes a reading of the interface's counters into account.
    #[must_use]
    pub const fn read(self, reading: Transfer) -> Self {
        Self { total: self.total.plus(reading.since(self.base)), base: reading }
    }
}

/// A live session with everything needed to program its peers again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The session.
    pub session_id: SessionId,
    /// Which device.
    pub device_id: DeviceId,
    /// Whose.
    pub user_id: UserId,
    /// The login that connected it; tokens of another one have no say in it.
    pub family_id: FamilyId,
    /// The account's name when it connected.
    pub username: Username,
    /// The gateway that carries it.
    pub node_id: String,
    /// Its place in both pools.
    pub slot: Slot,
    /// The device's WireGuard key.
    pub public_key: PublicKey,
    /// True: an ordinary WireGuard app without heartbeats; its session lives until it is ended.
    pub plain: bool,
    /// Preshared keys of both lanes, or none.
    pub preshared_keys: Option<PresharedPair>,
    /// Its number on the tor lane, 1 to 2^22 - 2; no other live session of the gateway has it.
    pub isolation: u32,
    /// `Connecting`, `Online` or `Offline`; closed sessions have no row.
    pub state: SessionState,
    /// When it was made.
    pub started_at: UnixSeconds,
    /// Latest heartbeat that was checkpointed.
    pub last_heartbeat: UnixSeconds,
    /// Latest handshake that was checkpointed.
    pub latest_handshake: Option<UnixSeconds>,
    /// Since when it is offline; set in that state only.
    pub offline_since: Option<UnixSeconds>,
    /// Direct lane.
    pub direct: LaneCount,
    /// Tor lane.
    pub tor: LaneCount,
}

/// Input of [`SessionStore::open`].
#[derive(Debug, Clone)]
pub struct OpenSession {
    /// Number of the session if a new one is made.
    pub session_id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// The login that connects.
    pub family_id: FamilyId,
    /// The account's name.
    pub username: Username,
    /// Which device.
    pub device_id: DeviceId,
    /// The gateway.
    pub node_id: String,
    /// The device's WireGuard key.
    pub public_key: PublicKey,
    /// True: an ordinary WireGuard app without heartbeats.
    pub plain: bool,
    /// Preshared keys of both lanes, or none.
    pub preshared_keys: Option<PresharedPair>,
    /// How many devices of this user may have a live session at once.
    pub max_devices: u32,
    /// The slots of this gateway, first and last.
    pub slots: (Slot, Slot),
    /// Seconds for which a released slot rests.
    pub quarantine: i64,
    /// Marks of the account that may be due, as of before this session: written with it, where none stands already.
    pub marks: Vec<Mark>,
    /// Now.
    pub now: UnixSeconds,
}

/// How much an account may move in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Which month: years times twelve plus months from zero, in UTC.
    pub month: i64,
    /// Bytes that it had moved since it was made when the month began, or when it got its quota.
    pub base: u64,
    /// Bytes that it may move in the month, both ways together.
    pub quota: u64,
}

/// What [`SessionStore::open`] found or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// A new session in state `Connecting`.
    New {
        /// Its row.
        row: Box<SessionRow>,
        /// The device had this slot before, so packets were sent with its addresses.
        held_before: bool,
        /// A session of the same device that the same transaction closed as `replaced`, if one was left.
        replaced: Option<Box<SessionRow>>,
    },
    /// The device has a live session of this login with this very key; nothing was changed.
    Existing(Box<SessionRow>),
    /// A live session of another device has this key.
    KeyInUse,
    /// The user's other devices take all slots of the account.
    MaxDevices,
    /// Every slot is taken or rests.
    PoolExhausted,
}

/// What becomes of the addresses when a session closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterClose {
    /// They rest before another device may have them.
    Quarantine,
    /// No packet was ever sent with them: they are free at once.
    FreeNow,
}

/// Input of [`SessionStore::close`].
#[derive(Debug, Clone, Copy)]
pub struct CloseSession {
    /// The session.
    pub session_id: SessionId,
    /// Why.
    pub reason: CloseReason,
    /// When.
    pub at: UnixSeconds,
    /// Final bytes of the direct lane.
    pub direct: Transfer,
    /// Final bytes of the tor lane.
    pub tor: Transfer,
    /// What becomes of the lease.
    pub lease: AfterClose,
}

/// The changing part of a live row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The session.
    pub session_id: SessionId,
    /// Latest heartbeat.
    pub last_heartbeat: UnixSeconds,
    /// Latest handshake.
    pub latest_handshake: Option<UnixSeconds>,
    /// Direct lane.
    pub direct: LaneCount,
    /// Tor lane.
    pub tor: LaneCount,
}

/// One connection that was or is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRecord {
    /// The session.
    pub session_id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// The account's name at that time.
    pub username: Username,
    /// Which device.
    pub device_id: DeviceId,
    /// When it began.
    pub started_at: UnixSeconds,
    /// When and why it ended.
    pub ended: Option<(UnixSeconds, CloseReason)>,
    /// Bytes on the direct lane; of a live session those of its latest checkpoint.
    pub direct: Transfer,
    /// Bytes on the tor lane; likewise.
    pub tor: Transfer,
}

/// How full a gateway's pool is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolCount {
    /// Slots of live sessions.
    pub leased: u32,
    /// Slots that rest.
    pub resting: u32,
}

/// Durable sessions. Every method is atomic; every mutating one may be repeated.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Takes a lease and opens session and history row, all or nothing. A device keeps the slot it has
    /// or had last, unless another device got it meanwhile.
    async fn open(&self, open: &OpenSession) -> Result<Opened, StoreError>;

    /// Moves a session from one state to another if it is in the first, or in the second already: then the answer of
    /// an earlier call was lost. `offline_since` belongs to state `Offline` only. False: it is in neither.
    async fn transition(
        &self,
        session: SessionId,
        from: SessionState,
        to: SessionState,
        offline_since: Option<UnixSeconds>,
    ) -> Result<bool, StoreError>;

    /// Gives a live session a number on the tor lane that comes after all others. `None`: it has ended.
    async fn renew_isolation(&self, session: SessionId) -> Result<Option<u32>, StoreError>;

    /// Where a device wishes to leave Tor, with or without a session.
    async fn exit(&self, device: DeviceId) -> Result<Option<CountryCode>, StoreError>;

    /// The wishes of all devices with a live session on a gateway.
    async fn exits(&self, node_id: &str) -> Result<Vec<(DeviceId, CountryCode)>, StoreError>;

    /// Writes down where a device wishes to leave Tor, and gives its session, if it names one, another number on the
    /// tor lane: both or neither. `None`: there is no such session.
    async fn choose_exit(
        &self,
        device: DeviceId,
        session: Option<SessionId>,
        country: Option<CountryCode>,
    ) -> Result<Option<u32>, StoreError>;

    /// Ends a session: live row gone, history row ended, lease released. False: it had ended already,
    /// and nothing changed.
    async fn close(&self, close: &CloseSession) -> Result<bool, StoreError>;

    /// Stores the changing part of live rows. Sessions that ended meanwhile are passed over.
    async fn checkpoint(&self, checkpoints: &[Checkpoint]) -> Result<(), StoreError>;

    /// Live sessions of a gateway that are stored as connecting.
    async fn connecting(&self, node_id: &str) -> Result<Vec<(SessionId, DeviceId)>, StoreError>;

    /// Every live session of a gateway.
    async fn live(&self, node_id: &str) -> Result<Vec<SessionRow>, StoreError>;

    /// Connections, newest first.
    async fn history(&self, user: Option<UserId>, limit: u32) -> Result<Vec<HistoryRecord>, StoreError>;

    /// An account's connections, newest first: those before the one that is named, or from the newest on. Nothing when
    /// there is no such connection of the account.
    async fn history_page(
        &self,
        user: UserId,
        before: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<HistoryRecord>, StoreError>;

    /// The latest mark of an account of each kind.
    async fn marks(&self, user: UserId) -> Result<Vec<Mark>, StoreError>;

    /// Writes marks of accounts, all or none. What was written first in a day or month stands, and no earlier one
    /// takes the place of a later one.
    async fn put_marks(&self, marks: &[(UserId, Mark)]) -> Result<(), StoreError>;

    /// What accounts moved, all at one moment; every one that was asked for is there. Some hundreds at once.
    async fn moved(&self, users: &[UserId]) -> Result<HashMap<UserId, Moved>, StoreError>;

    /// The quota of an account, if it has one.
    async fn allowance(&self, user: UserId) -> Result<Option<Allowance>, StoreError>;

    /// The quotas of those accounts that have one. Some hundreds at once.
    async fn allowances(&self, users: &[UserId]) -> Result<HashMap<UserId, Allowance>, StoreError>;

    /// Notes the beginning of a month, with the base of each account, all or none. What was written first stands, and
    /// quotas stay as they are.
    async fn begin_month(&self, month: i64, bases: &[(UserId, u64)]) -> Result<(), StoreError>;

    /// Sets or takes away a quota. The base stays that which was written first in the latest month; what stands
    /// now is given back.
    async fn put_allowance(&self, user: UserId, new: Option<Allowance>) -> Result<Option<Allowance>, StoreError>;

    /// Drops history rows of sessions that ended before an instant, and forgets which device had a slot that was
    /// released before it: `most` of each at once, oldest first. How many rows of both.
    async fn forget(&self, before: UnixSeconds, most: u32) -> Result<u64, StoreError>;

    /// Taken and resting slots; those released before `rested_before` rest no more.
    async fn pool(&self, node_id: &str, rested_before: UnixSeconds) -> Result<PoolCount, StoreError>;
}
