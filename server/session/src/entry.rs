//! A live session in memory: constant fields, and a cell with the mutable ones.

use crate::machine::{Machine, Signs};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tornado_contracts::session::LiveSession;
use tornado_contracts::wg::{Isolation, PeerLane, PeerSpec, Removed};
use tornado_live::LiveFacts;
use tornado_shared::model::{
    CountryCode, DeviceId, FamilyId, Lane, LaneAddresses, LanePools, PublicKey, SessionId, SessionState, Transfer,
    UnixSeconds, UserId, Username,
};
use tornado_store::sessions::{Checkpoint, LaneCount, PresharedPair, SessionRow};

/// A live session. The machine changes only under the device's lock, except for handshakes.
pub(crate) struct Entry {
    pub session_id: SessionId,
    pub device_id: DeviceId,
    pub user_id: UserId,
    /// Login that opened the session.
    pub family_id: FamilyId,
    pub username: Username,
    pub public_key: PublicKey,
    /// Exported device: sends no heartbeats, and its peers stay while it is silent.
    pub plain: bool,
    pub preshared_keys: Option<PresharedPair>,
    pub direct: LaneAddresses,
    pub tor: LaneAddresses,
    cell: Mutex<Cell>,
}

/// Mutable part of an [`Entry`].
pub(crate) struct Cell {
    pub machine: Machine,
    /// Isolation number on the tor lane, as stored.
    pub isolation: Isolation,
    /// Exit country that the device chose, as stored.
    pub exit: Option<CountryCode>,
    /// State in the store. Differs from `machine` while a write is in progress or after it failed.
    pub stored: SessionState,
    pub direct: LaneCount,
    pub tor: LaneCount,
    /// Lane of the latest received traffic; `endpoint` is its source.
    pub lane: Option<Lane>,
    pub endpoint: Option<SocketAddr>,
    /// Changed since the last checkpoint.
    pub dirty: bool,
    /// Readings with a smaller number are stale: the peer was added or removed after they began, and its counters
    /// restarted.
    pub readings_from: u64,
}

impl Entry {
    /// `None` if the stored slot is outside the configured pools or the isolation number is out of range.
    pub fn new(row: SessionRow, pools: &LanePools, heard_from: UnixSeconds, facts: Option<LiveFacts>) -> Option<Self> {
        let facts = facts.unwrap_or_default();
        let signs = Signs {
            started_at: row.started_at,
            last_heartbeat: row.last_heartbeat.max(facts.last_heartbeat),
            latest_handshake: row.latest_handshake.max(facts.latest_handshake),
            heard_from,
        };
        // The row may have been stored before the clock was set back.
        let signs = signs.anew(heard_from);
        let cell = Cell {
            isolation: Isolation::try_from(row.isolation).ok()?,
            exit: None,
            machine: Machine::restore(row.state, signs, row.offline_since),
            stored: row.state,
            direct: row.direct,
            tor: row.tor,
            lane: None,
            endpoint: None,
            dirty: false,
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
            plain: row.plain,
            preshared_keys: row.preshared_keys,
            cell: Mutex::new(cell),
        })
    }

    /// Locks the mutable part; never held across an await. Ignores poisoning, because every change is complete in
    /// itself.
    pub fn cell(&self) -> MutexGuard<'_, Cell> {
        self.cell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn state(&self) -> SessionState {
        self.cell().machine.state()
    }

    /// True if the session's peers belong on the lanes.
    pub fn has_peers(&self) -> bool {
        match self.state() {
            SessionState::Online => true,
            SessionState::Offline => self.plain,
            SessionState::Connecting | SessionState::Closed => false,
        }
    }

    pub fn spec(&self) -> PeerSpec {
        let keys = self.preshared_keys.as_ref();
        let (isolation, exit) = {
            let cell = self.cell();
            (cell.isolation, cell.exit)
        };
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
        let cell = self.cell();
        let signs = cell.machine.signs();
        LiveFacts {
            last_heartbeat: signs.last_heartbeat,
            latest_handshake: signs.latest_handshake,
            direct_base: cell.direct.base,
            tor_base: cell.tor.base,
            client_ip: None,
        }
    }

    /// Bytes transferred so far, direct lane first.
    pub fn moved(&self) -> (Transfer, Transfer) {
        let cell = self.cell();
        (cell.direct.total, cell.tor.total)
    }

    pub fn view(&self, now: UnixSeconds) -> LiveSession {
        let cell = self.cell();
        let signs = cell.machine.signs();
        LiveSession {
            session_id: self.session_id,
            user_id: self.user_id,
            username: self.username.clone(),
            device_id: self.device_id,
            public_key: self.public_key,
            state: cell.machine.state(),
            direct: self.direct,
            tor: self.tor,
            started_at: signs.started_at,
            last_heartbeat: signs.last_heartbeat,
            latest_handshake: signs.latest_handshake,
            handshake_age: signs.latest_handshake.and_then(|at| u64::try_from(now.saturating_sub(at)).ok()),
            lane: cell.lane,
            endpoint: cell.endpoint,
            direct_transfer: cell.direct.total,
            tor_transfer: cell.tor.total,
        }
    }

    /// Values for the checkpoint, if any changed since the last call.
    pub fn take_checkpoint(&self) -> Option<Checkpoint> {
        let mut cell = self.cell();
        if !std::mem::take(&mut cell.dirty) {
            return None;
        }
        let signs = cell.machine.signs();
        Some(Checkpoint {
            session_id: self.session_id,
            last_heartbeat: signs.last_heartbeat,
            latest_handshake: signs.latest_handshake,
            direct: cell.direct,
            tor: cell.tor,
        })
    }
}

impl Cell {
    /// Counts the last bytes of a removed peer. Its next counters start at zero.
    pub fn count_removed(&mut self, removed: Removed) {
        self.direct = self.direct.read(removed.direct);
        self.tor = self.tor.read(removed.tor);
        self.direct.base = Transfer::default();
        self.tor.base = Transfer::default();
        self.endpoint = None;
        self.dirty = true;
    }
}
