//! Live sessions of this gateway in memory, indexed by device, key and account, with one lock per device.

mod entry;
mod locks;
mod reading;

pub(crate) use entry::Entry;
pub(crate) use reading::Reading;

use locks::DeviceLocks;
use parking_lot::RwLock;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tornado_shared::model::{DeviceId, PublicKey, SessionId, UserId};

/// As in the store: at most one session per device, and one device per key.
#[derive(Default)]
pub(crate) struct Registry {
    index: RwLock<Index>,
    /// Calls that change a session hold the lock of its device.
    pub locks: DeviceLocks,
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
        let mut index = self.index.write();
        if let Some(old) = index.by_device.insert(entry.device_id, entry.clone()) {
            index.forget(&old);
        }
        index.by_key.insert(entry.public_key, entry.device_id);
        index.by_user.entry(entry.user_id).or_default().insert(entry.device_id);
    }

    /// Removes this session; a newer session of the same device stays.
    pub fn remove(&self, entry: &Entry) {
        let mut index = self.index.write();
        let same = index.by_device.get(&entry.device_id).is_some_and(|known| known.session_id == entry.session_id);
        if same {
            index.by_device.remove(&entry.device_id);
            index.forget(entry);
        }
    }

    pub fn of_device(&self, device: DeviceId) -> Option<Arc<Entry>> {
        self.index.read().by_device.get(&device).cloned()
    }

    pub fn of_key(&self, key: &PublicKey) -> Option<Arc<Entry>> {
        let index = self.index.read();
        index.by_key.get(key).and_then(|device| index.by_device.get(device)).cloned()
    }

    /// True if the entry is the current session of its device.
    pub fn is_current(&self, entry: &Entry) -> bool {
        self.of_device(entry.device_id).is_some_and(|known| known.session_id == entry.session_id)
    }

    pub fn all(&self) -> Vec<Arc<Entry>> {
        self.index.read().by_device.values().cloned().collect()
    }

    /// Sessions whose peers belong on the lanes.
    pub fn with_peers(&self) -> Vec<Arc<Entry>> {
        let mut entries = self.all();
        entries.retain(|entry| entry.has_peers());
        entries
    }

    /// Accounts with live sessions.
    pub fn users(&self) -> HashSet<UserId> {
        self.index.read().by_user.keys().copied().collect()
    }

    /// All sessions by account.
    pub fn by_user(&self) -> HashMap<UserId, Vec<Arc<Entry>>> {
        let index = self.index.read();
        index.by_user.keys().map(|user| (*user, index.of_user(*user).cloned().collect())).collect()
    }

    /// Sessions of these accounts by id.
    pub fn sessions_of(&self, users: &[UserId]) -> HashMap<SessionId, Arc<Entry>> {
        let index = self.index.read();
        let entries = users.iter().flat_map(|user| index.of_user(*user));
        entries.map(|entry| (entry.session_id, entry.clone())).collect()
    }
}
