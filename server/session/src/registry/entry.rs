//! A live session in memory.

use super::reading::Reading;
use crate::machine::{Activity, Change, Machine, Timers};
use parking_lot::Mutex;
use std::net::SocketAddr;
use tornado_contracts::session::LiveSession;
use tornado_contracts::wg::{Isolation, PeerLane, PeerSpec, Removed};
use tornado_live::LiveFacts;
use tornado_shared::model::{
    CloseReason, CountryCode, DeviceId, FamilyId, Lane, LaneAddresses, LanePools, PublicKey, SessionId, SessionState,
    Transfer, UnixSeconds, UserId, Username,
};
use tornado_store::sessions::{Checkpoint, LaneCount, PresharedPair, SessionRow};

/// A live session: constant fields, and mutable ones behind a lock that is never held across an await.
///
/// The machine changes only under the device's lock, except for handshakes.
pub(crate) struct Entry {
    pub session_id: SessionId,
    pub device_id: DeviceId,
    pub user_id: UserId,
    /// Login that opened the session.
    pub family_id: FamilyId,
    pub public_key: PublicKey,
    /// Exported device: sends no heartbeats, its peers stay while it is silent, and its session never expires.
    pub exported: bool,
    pub preshared_keys: Option<PresharedPair>,
    pub direct: LaneAddresses,
    pub tor: LaneAddresses,
    username: Username,
    timers: Timers,
    cell: Mutex<Cell>,
}

/// Mutable part of an [`Entry`].
struct Cell {
    machine: Machine,
    /// Isolation number on the tor lane, as stored.
    isolation: Isolation,
    /// Exit country that the device chose, as stored.
    exit: Option<CountryCode>,
    /// State in the store. Differs from `machine` while a write is in progress or after it failed.
    stored: SessionState,
    direct: LaneCount,
    tor: LaneCount,
    /// Lane of the latest received traffic; `endpoint` is its source.
    lane: Option<Lane>,
    endpoint: Option<SocketAddr>,
    /// Changed since the last checkpoint.
    changed: bool,
    /// Readings with a smaller number are stale: the peer was added or removed after they began, and its counters
    /// restarted.
    readings_from: u64,
}

/// A state that is not stored yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnstoredState {
    pub from: SessionState,
    pub to: SessionState,
    /// Start of the offline period.
    pub since: Option<UnixSeconds>,
}

impl Entry {
    /// `None` if the stored slot is outside the pools or the isolation number is out of range. Silence before `now`
    /// does not count.
    pub fn new(
        row: SessionRow,
        pools: &LanePools,
        timers: Timers,
        now: UnixSeconds,
        facts: Option<LiveFacts>,
    ) -> Option<Self> {
        let facts = facts.unwrap_or_default();
        let activity = Activity {
            started_at: row.started_at,
            last_heartbeat: row.last_heartbeat.max(facts.last_heartbeat),
            latest_handshake: row.latest_handshake.max(facts.latest_handshake),
            silence_from: now,
        };
        let cell = Cell {
            isolation: Isolation::try_from(row.isolation).ok()?,
            exit: None,
            // The row may have been stored before the clock was set back.
            machine: Machine::restore(row.state, activity.restarted(now), row.offline_since),
            stored: row.state,
            direct: row.direct,
            tor: row.tor,
            lane: None,
            endpoint: None,
            changed: false,
            readings_from: 0,
        };
        Some(Self {
            direct: pools.direct.addresses(row.slot)?,
            tor: pools.tor.addresses(row.slot)?,
            session_id: row.session_id,
            device_id: row.device_id,
            user_id: row.user_id,
            family_id: row.family_id,
            username: row.username,
            public_key: row.public_key,
            exported: row.exported,
            preshared_keys: row.preshared_keys,
            timers: if row.exported { timers.endless() } else { timers },
            cell: Mutex::new(cell),
        })
    }

    pub fn machine(&self) -> Machine {
        self.cell.lock().machine
    }

    pub fn state(&self) -> SessionState {
        self.machine().state()
    }

    /// Lane of the latest received traffic.
    pub fn lane(&self) -> Option<Lane> {
        self.cell.lock().lane
    }

    /// True if the session's peers belong on the lanes.
    pub fn has_peers(&self) -> bool {
        match self.state() {
            SessionState::Online => true,
            SessionState::Offline => self.exported,
            SessionState::Connecting | SessionState::Closed => false,
        }
    }

    /// End of the session's longest life.
    pub fn hard_end(&self) -> UnixSeconds {
        self.machine().activity().started_at.saturating_add(self.timers.hard_ttl)
    }

    /// True if a deadline has passed, or if a write of the state failed before.
    pub fn is_due(&self, now: UnixSeconds) -> bool {
        let cell = self.cell.lock();
        cell.machine.poll_timeout(&self.timers).is_some_and(|at| at <= now)
            || cell.machine.state() == SessionState::Closed
            || cell.machine.state() != cell.stored
    }

    /// Performs one transition that is due, in one step, so that a concurrent handshake comes either before or after
    /// it.
    pub fn handle_timeout(&self, now: UnixSeconds) -> Option<Change> {
        self.step(|machine| machine.handle_timeout(now, &self.timers))
    }

    /// Both lanes now have the peer.
    pub fn programmed(&self) -> Option<Change> {
        self.step(Machine::programmed)
    }

    /// Ends the session in memory. Returns the first reason.
    pub fn close(&self, reason: CloseReason) -> CloseReason {
        self.step(|machine| machine.close(reason));
        match self.machine() {
            Machine::Closed(closed) => closed.reason,
            Machine::Connecting(_) | Machine::Online(_) | Machine::Offline(_) => reason,
        }
    }

    /// State and change after a heartbeat at `now`, without performing it.
    pub fn after_heartbeat(&self, now: UnixSeconds) -> (SessionState, Option<Change>) {
        let (machine, change) = self.machine().heartbeat(now, &self.timers);
        (machine.state(), change)
    }

    pub fn record_heartbeat(&self, now: UnixSeconds) {
        self.step(|machine| machine.heartbeat(now, &self.timers));
        self.mark_changed();
    }

    /// Restarts the timers after a jump of the clock.
    pub fn clock_jumped(&self, now: UnixSeconds) {
        self.step(|machine| (machine.clock_jumped(now), None));
        self.mark_changed();
    }

    fn step(&self, transition: impl FnOnce(Machine) -> (Machine, Option<Change>)) -> Option<Change> {
        let mut cell = self.cell.lock();
        let (machine, change) = transition(cell.machine);
        cell.machine = machine;
        change
    }

    /// The state of the machine if the stored one differs.
    pub fn unstored_state(&self) -> Option<UnstoredState> {
        let cell = self.cell.lock();
        let (from, to, since) = (cell.stored, cell.machine.state(), cell.machine.offline_since());
        (from != to).then_some(UnstoredState { from, to, since })
    }

    pub fn set_stored(&self, state: SessionState) {
        self.cell.lock().stored = state;
    }

    /// Isolation number and exit country.
    pub fn circuits(&self) -> (Isolation, Option<CountryCode>) {
        let cell = self.cell.lock();
        (cell.isolation, cell.exit)
    }

    /// Sets what was stored before.
    pub fn set_circuits(&self, isolation: Isolation, exit: Option<CountryCode>) {
        let mut cell = self.cell.lock();
        (cell.isolation, cell.exit) = (isolation, exit);
    }

    pub fn set_exit(&self, exit: Option<CountryCode>) {
        self.cell.lock().exit = exit;
    }

    pub fn spec(&self) -> PeerSpec {
        let keys = self.preshared_keys.as_ref();
        let (isolation, exit) = self.circuits();
        PeerSpec {
            public_key: self.public_key,
            direct: PeerLane { addresses: self.direct, preshared_key: keys.map(|keys| keys.direct.clone()) },
            tor: PeerLane { addresses: self.tor, preshared_key: keys.map(|keys| keys.tor.clone()) },
            isolation,
            exit,
            account: Some(self.user_id),
        }
    }

    pub fn facts(&self) -> LiveFacts {
        let cell = self.cell.lock();
        let activity = cell.machine.activity();
        LiveFacts {
            last_heartbeat: activity.last_heartbeat,
            latest_handshake: activity.latest_handshake,
            direct_base: cell.direct.base,
            tor_base: cell.tor.base,
            client_ip: None,
        }
    }

    /// Bytes transferred so far, direct lane first.
    pub fn transferred(&self) -> (Transfer, Transfer) {
        let cell = self.cell.lock();
        (cell.direct.total, cell.tor.total)
    }

    pub fn view(&self, now: UnixSeconds) -> LiveSession {
        let cell = self.cell.lock();
        let activity = cell.machine.activity();
        LiveSession {
            session_id: self.session_id,
            user_id: self.user_id,
            username: self.username.clone(),
            device_id: self.device_id,
            public_key: self.public_key,
            state: cell.machine.state(),
            direct: self.direct,
            tor: self.tor,
            started_at: activity.started_at,
            last_heartbeat: activity.last_heartbeat,
            latest_handshake: activity.latest_handshake,
            handshake_age: activity.latest_handshake.and_then(|at| u64::try_from(now.saturating_sub(at)).ok()),
            lane: cell.lane,
            endpoint: cell.endpoint,
            direct_transfer: cell.direct.total,
            tor_transfer: cell.tor.total,
        }
    }

    /// Values for the checkpoint, if any changed since the last call.
    pub fn take_checkpoint(&self) -> Option<Checkpoint> {
        let mut cell = self.cell.lock();
        if !std::mem::take(&mut cell.changed) {
            return None;
        }
        let activity = cell.machine.activity();
        Some(Checkpoint {
            session_id: self.session_id,
            last_heartbeat: activity.last_heartbeat,
            latest_handshake: activity.latest_handshake,
            direct: cell.direct,
            tor: cell.tor,
        })
    }

    /// Includes the session in the next checkpoint.
    pub fn mark_changed(&self) {
        self.cell.lock().changed = true;
    }

    /// Rejects readings with a smaller number.
    pub fn set_readings_from(&self, number: u64) {
        self.cell.lock().readings_from = number;
    }

    /// Counts the last bytes of a removed peer. Its next counters start at zero.
    pub fn count_removed(&self, removed: Removed) {
        let mut cell = self.cell.lock();
        cell.direct = cell.direct.read(removed.direct);
        cell.tor = cell.tor.read(removed.tor);
        cell.direct.base = Transfer::default();
        cell.tor.base = Transfer::default();
        cell.endpoint = None;
        cell.changed = true;
    }

    /// Adds the bytes since the last reading, and records the handshake. Returns true if the handshake is a new one.
    pub fn apply_reading(&self, reading: Reading, number: u64, now: UnixSeconds) -> bool {
        let mut cell = self.cell.lock();
        if number < cell.readings_from {
            return false;
        }
        let before = (cell.direct, cell.tor, cell.machine);
        if let Some(transfer) = reading.direct {
            cell.direct = cell.direct.read(transfer);
        }
        if let Some(transfer) = reading.tor {
            cell.tor = cell.tor.read(transfer);
        }
        let received = |now: LaneCount, then: LaneCount| now.total.rx_bytes.saturating_sub(then.total.rx_bytes);
        let received = (received(cell.direct, before.0), received(cell.tor, before.1));
        if received != (0, 0) {
            let (lane, endpoint) = match received.0 >= received.1 {
                true => (Lane::Direct, reading.direct_endpoint),
                false => (Lane::Tor, reading.tor_endpoint),
            };
            (cell.lane, cell.endpoint) = (Some(lane), endpoint);
        }
        if let Some(at) = reading.handshake {
            cell.machine = cell.machine.handshake(at, now);
            if self.exported {
                cell.machine = cell.machine.recover_by_handshake(at, now, &self.timers);
            }
        }
        cell.changed |= before != (cell.direct, cell.tor, cell.machine);
        let latest_handshake = |machine: Machine| machine.activity().latest_handshake;
        latest_handshake(cell.machine) > latest_handshake(before.2)
    }
}
