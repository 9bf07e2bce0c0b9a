//! Durable state of service `session`: address leases, live sessions and history.
//!
//! One slot number determines a device's addresses on both lanes, so one row is the lease of both. A lease, its live
//! session and its history row are created in one transaction and ended in one transaction.

mod deadline;
mod exits;
mod history;
mod isolation;
mod leases;
mod live_rows;
mod marks;
mod quotas;
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

/// Input of [`SessionStore::open`].
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

/// Outcome of [`SessionStore::open`].
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

/// Input of [`SessionStore::close`].
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

/// Store of sessions. Every method is atomic. Every method that writes may be repeated.
///
/// # Errors
/// Every method fails when the database is unavailable or contains an invalid value.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Leases a slot and creates live row and history row, all or nothing. A device keeps its current or previous slot,
    /// unless another device has got it since.
    async fn open(&self, open: &OpenSession) -> Result<Opened, StoreError>;

    /// Changes the state of a session from `from` to `to`. Succeeds also if the state is `to` already, because the
    /// response of an earlier call may have been lost. `offline_since` is used in state `Offline` only. Returns false
    /// if the session is in neither state.
    async fn transition(
        &self,
        session: SessionId,
        from: SessionState,
        to: SessionState,
        offline_since: Option<UnixSeconds>,
    ) -> Result<bool, StoreError>;

    /// Assigns a new isolation number to a live session; a number is reused only after all others. `None` if the
    /// session has ended.
    async fn renew_isolation(&self, session: SessionId) -> Result<Option<u32>, StoreError>;

    /// Chosen exit country of a device, with or without a session.
    async fn exit(&self, device: DeviceId) -> Result<Option<CountryCode>, StoreError>;

    /// Chosen exit countries of all devices with a live session on a gateway.
    async fn exits(&self, node_id: &str) -> Result<Vec<(DeviceId, CountryCode)>, StoreError>;

    /// Stores the chosen exit country of a device and, if `session` is given, assigns a new isolation number to it:
    /// both or neither. `None` if there is no such session.
    async fn choose_exit(
        &self,
        device: DeviceId,
        session: Option<SessionId>,
        country: Option<CountryCode>,
    ) -> Result<Option<u32>, StoreError>;

    /// Closes a session: deletes the live row, ends the history row and releases the lease. Returns false if it was
    /// already closed; nothing changes then.
    async fn close(&self, close: &CloseSession) -> Result<bool, StoreError>;

    /// Updates the mutable columns of live rows. Sessions that have ended are skipped.
    async fn checkpoint(&self, checkpoints: &[Checkpoint]) -> Result<(), StoreError>;

    /// Live sessions of a gateway in state `Connecting`.
    async fn connecting(&self, node_id: &str) -> Result<Vec<(SessionId, DeviceId)>, StoreError>;

    /// All live sessions of a gateway.
    async fn live(&self, node_id: &str) -> Result<Vec<SessionRow>, StoreError>;

    /// Connections, newest first.
    async fn history(&self, user: Option<UserId>, limit: u32) -> Result<Vec<HistoryRecord>, StoreError>;

    /// Connections of an account, newest first: those before connection `before`, or the latest ones. Empty if the
    /// account has no such connection.
    async fn history_page(
        &self,
        user: UserId,
        before: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<HistoryRecord>, StoreError>;

    /// The latest mark of each kind of an account.
    async fn marks(&self, user: UserId) -> Result<Vec<Mark>, StoreError>;

    /// Stores marks, all or none. The first mark of a day or month stays, and a later one is never replaced by an
    /// earlier one.
    async fn put_marks(&self, marks: &[(UserId, Mark)]) -> Result<(), StoreError>;

    /// Totals of accounts, all read at the same time. The result contains each of `users`. Limited to several hundred.
    async fn moved(&self, users: &[UserId]) -> Result<HashMap<UserId, Moved>, StoreError>;

    /// Quota of an account, if any.
    async fn quota(&self, user: UserId) -> Result<Option<MonthQuota>, StoreError>;

    /// Quotas of those accounts that have one. Limited to several hundred.
    async fn quotas(&self, users: &[UserId]) -> Result<HashMap<UserId, MonthQuota>, StoreError>;

    /// Stores the bases of accounts for a new month, all or none. The first base of a month stays, and quotas do not
    /// change.
    async fn begin_month(&self, month: i64, bases: &[(UserId, u64)]) -> Result<(), StoreError>;

    /// Sets or removes a quota. The first base of the latest month stays. Returns the resulting row.
    async fn put_quota(&self, user: UserId, new: Option<MonthQuota>) -> Result<Option<MonthQuota>, StoreError>;

    /// Deletes history rows that ended before `before`, and clears the devices of slots released before it: at most
    /// `most` of each, oldest first. Returns the number of rows of both.
    async fn forget(&self, before: UnixSeconds, most: u32) -> Result<u64, StoreError>;

    /// Number of leased slots and of slots in quarantine. A slot released before `rested_before` is no longer in
    /// quarantine.
    async fn pool(&self, node_id: &str, rested_before: UnixSeconds) -> Result<PoolCount, StoreError>;
}
