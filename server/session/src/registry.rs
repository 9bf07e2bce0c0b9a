//! Live sessions of this gateway in memory, indexed by device, key and account.

use crate::entry::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tornado_shared::model::{DeviceId, PublicKey, SessionId, UserId};

/// As in the store: at most one session per device, and one device per key.
#[derive(Default)]
pub(crate) struct Registry {
    index: RwLock<Index>,
}

#[derive(Default)]
struct Index {
    by_device: HashMap<DeviceId, Arc<Entry>>,
    by_key: HashMap<PublicKey, DeviceId>,
    by_user: HashMap<UserId, HashSet<DeviceId>>,
}

impl Index {
    fn forget(&mut self, entry: &Entry) {
        self.by_key.remove(&entry.public_key);
        if let Some(devices) = self.by_user.get_mut(&entry.user_id) {
            devices.remove(&entry.device_id);
            if devices.is_empty() {
                self.by_user.remove(&entry.user_id);
            }
        }
    }

    fn of_user(&self, user: UserId) -> impl Iterator<Item = &Arc<Entry>> {
        self.by_user.get(&user).into_iter().flatten().filter_map(|device| self.by_device.get(device))
    }
}

impl Registry {
    pub fn insert(&self, entry: Arc<Entry>) {
        let mut index = self.write();
        if let Some(old) = index.by_device.insert(entry.device_id, entry.clone()) {
            index.forget(&old);
        }
        index.by_key.insert(entry.public_key, entry.device_id);
        index.by_user.entry(entry.user_id).or_default().insert(entry.device_id);
    }

    /// Removes this session; a newer session of the same device stays.
    pub fn remove(&self, entry: &Entry) {
        let mut index = self.write();
        let same = index.by_device.get(&entry.device_id).is_some_and(|known| known.session_id == entry.session_id);
        if same {
            index.by_device.remove(&entry.device_id);
            index.forget(entry);
        }
    }

    pub fn of_device(&self, device: DeviceId) -> Option<Arc<Entry>> {
        self.read().by_device.get(&device).cloned()
    }

    pub fn of_key(&self, key: &PublicKey) -> Option<Arc<Entry>> {
        let index = self.read();
        index.by_key.get(key).and_then(|device| index.by_device.get(device)).cloned()
    }

    pub fn all(&self) -> Vec<Arc<Entry>> {
        self.read().by_device.values().cloned().collect()
    }

    /// Accounts with live sessions.
    pub fn users(&self) -> HashSet<UserId> {
        self.read().by_user.keys().copied().collect()
    }

    /// All sessions by account.
    pub fn by_user(&self) -> HashMap<UserId, Vec<Arc<Entry>>> {
        let index = self.read();
        index.by_user.keys().map(|user| (*user, index.of_user(*user).cloned().collect())).collect()
    }

    /// Sessions of these accounts by id.
    pub fn sessions_of(&self, users: &[UserId]) -> HashMap<SessionId, Arc<Entry>> {
        let index = self.read();
        let entries = users.iter().flat_map(|user| index.of_user(*user));
        entries.map(|entry| (entry.session_id, entry.clone())).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}
