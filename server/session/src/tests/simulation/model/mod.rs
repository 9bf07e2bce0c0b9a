//! A model of the store in memory, written without SQL. A random life shows that model and store give equal results;
//! the simulation of a million sessions uses the model.

mod against_the_store;

use std::collections::{BTreeSet, HashMap};
use tornado_shared::model::*;
use tornado_store::sessions::*;

/// Leases, live rows, history and totals of one gateway.
#[derive(Default)]
pub(super) struct Model {
    pub leases: Vec<Lease>,
    resting: BTreeSet<(UnixSeconds, u32)>,
    last_slot: HashMap<DeviceId, u32>,
    pub sessions: HashMap<SessionId, SessionRow>,
    of_device: HashMap<DeviceId, SessionId>,
    of_key: HashMap<PublicKey, DeviceId>,
    of_user: HashMap<UserId, u32>,
    pub history: HashMap<SessionId, HistoryRecord>,
    ended: BTreeSet<(UnixSeconds, SessionId)>,
    pub usage: HashMap<UserId, Usage>,
    isolation: u32,
}

/// A used slot: its last device, and the start of its quarantine, if any.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lease {
    device: Option<DeviceId>,
    released_at: Option<UnixSeconds>,
}

impl Model {
    pub fn open(&mut self, open: &OpenSession) -> Opened {
        let old = self.of_device.get(&open.device_id).and_then(|id| self.sessions.get(id)).cloned();
        if let Some(row) = &old
            && (row.public_key, row.family_id) == (open.public_key, open.family_id)
        {
            return Opened::Existing(Box::new(row.clone()));
        }
        if self.of_key.get(&open.public_key).is_some_and(|holder| *holder != open.device_id) {
            return Opened::KeyInUse;
        }
        let others = self.of_user.get(&open.user_id).copied().unwrap_or(0) - u32::from(old.is_some());
        if others >= open.max_devices {
            return Opened::MaxDevices;
        }
        if let Some(row) = &old {
            let (session_id, reason, at, lease) =
                (row.session_id, CloseReason::Replaced, open.now, AfterClose::Quarantine);
            self.close(&CloseSession { session_id, reason, at, direct: row.direct.total, tor: row.tor.total, lease });
        }
        let Some((slot, held_before)) = self.take(open) else { return Opened::PoolExhausted };
        self.isolation += 1;
        let row = open.row(slot, self.isolation);
        assert!(self.history.insert(open.session_id, record(open)).is_none(), "one row per connection");
        self.of_device.insert(open.device_id, open.session_id);
        self.of_key.insert(open.public_key, open.device_id);
        *self.of_user.entry(open.user_id).or_default() += 1;
        self.sessions.insert(open.session_id, row.clone());
        Opened::New { row: Box::new(row), held_before, replaced: old.map(Box::new) }
    }

    /// The device's own slot, else the next unused one, else the one with the longest rest.
    fn take(&mut self, open: &OpenSession) -> Option<(Slot, bool)> {
        let (first, last) = (open.slots.0.0, open.slots.1.0);
        let next = first + u32::try_from(self.leases.len()).ok()?;
        let (number, held) = match self.last_slot.get(&open.device_id) {
            Some(number) => (*number, true),
            None if next <= last => {
                self.leases.push(Lease::default());
                (next, false)
            }
            None => {
                let (since, number) = *self.resting.first()?;
                (since <= open.now - open.quarantine).then_some((number, false))?
            }
        };
        let lease = &mut self.leases[(number - first) as usize];
        if let Some(since) = lease.released_at.take() {
            self.resting.remove(&(since, number));
        }
        if let Some(former) = lease.device.replace(open.device_id) {
            self.last_slot.remove(&former);
        }
        self.last_slot.insert(open.device_id, number);
        Some((Slot(number), held))
    }

    pub fn transition(&mut self, session: SessionId, from: SessionState, to: SessionState, since: Option<i64>) -> bool {
        match self.sessions.get_mut(&session) {
            Some(row) if row.state == from || row.state == to => {
                (row.state, row.offline_since) = (to, since);
                true
            }
            Some(_) | None => false,
        }
    }

    pub fn close(&mut self, close: &CloseSession) -> bool {
        let Some(row) = self.sessions.remove(&close.session_id) else { return false };
        self.of_device.remove(&row.device_id);
        self.of_key.remove(&row.public_key);
        *self.of_user.get_mut(&row.user_id).unwrap() -= 1;
        if let Some(record) = self.history.get_mut(&close.session_id) {
            let at = close.at.max(record.started_at);
            (record.ended, record.direct, record.tor) = (Some((at, close.reason)), close.direct, close.tor);
            self.ended.insert((at, close.session_id));
        }
        let usage = self.usage.entry(row.user_id).or_default();
        usage.sessions += 1;
        (usage.direct, usage.tor) = (usage.direct.plus(close.direct), usage.tor.plus(close.tor));
        let since = match close.lease {
            AfterClose::Quarantine => close.at,
            AfterClose::FreeNow => 0,
        };
        self.leases[(row.slot.0 - Slot::FIRST.0) as usize].released_at = Some(since);
        self.resting.insert((since, row.slot.0));
        true
    }

    pub fn forget(&mut self, before: UnixSeconds, most: u32) -> u64 {
        let old: Vec<_> = self.ended.iter().take_while(|(at, _)| *at < before).take(most as usize).copied().collect();
        for end in &old {
            self.ended.remove(end);
            self.history.remove(&end.1);
        }
        let rested = self.resting.iter().take_while(|(since, _)| *since < before);
        let remembered = rested.filter_map(|(_, number)| {
            let index = (number - Slot::FIRST.0) as usize;
            self.leases[index].device.map(|device| (index, device))
        });
        let remembered: Vec<_> = remembered.take(most as usize).collect();
        for (index, device) in &remembered {
            self.leases[*index].device = None;
            self.last_slot.remove(device);
        }
        (old.len() + remembered.len()) as u64
    }
}

fn record(open: &OpenSession) -> HistoryRecord {
    HistoryRecord {
        session_id: open.session_id,
        user_id: open.user_id,
        username: open.username.clone(),
        device_id: open.device_id,
        started_at: open.now,
        ended: None,
        direct: Transfer::default(),
        tor: Transfer::default(),
    }
}

/// A valid key without a known private key.
pub(super) fn key(number: u64) -> PublicKey {
    let mut bytes = [9; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    PublicKey::from_bytes(bytes).unwrap()
}

pub(super) fn open(user_id: UserId, slots: u32, max_devices: u32) -> OpenSession {
    OpenSession {
        session_id: SessionId::random(),
        user_id,
        family_id: FamilyId::random(),
        username: "alice".parse().unwrap(),
        device_id: DeviceId::random(),
        node_id: "main".into(),
        public_key: key(0),
        exported: false,
        preshared_keys: None,
        max_devices,
        slots: (Slot::FIRST, Slot(Slot::FIRST.0 + slots - 1)),
        quarantine: 300,
        marks: Vec::new(),
        now: 0,
    }
}
