//! Live sessions of this gateway in memory, found by device and by key.

use crate::entry::Entry;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tornado_shared::model::{DeviceId, PublicKey};

/// At most one session a device and one device a key, as in the store.
#[derive(Default)]
pub(crate) struct Registry {
    index: RwLock<Index>,
}

#[derive(Default)]
struct Index {
    by_device: HashMap<DeviceId, Arc<Entry>>,
    by_key: HashMap<PublicKey, DeviceId>,
}

impl Registry {
    pub fn insert(&self, entry: Arc<Entry>) {
        let mut index = self.write();
        index.by_key.insert(entry.public_key, entry.device_id);
        if let Some(old) = index.by_device.insert(entry.device_id, entry.clone())
            && old.public_key != entry.public_key
        {
            index.by_key.remove(&old.public_key);
        }
    }

    /// Removes this very session; a newer one of the same device stays.
    pub fn remove(&self, entry: &Entry) {
        let mut index = self.write();
        let same = index.by_device.get(&entry.device_id).is_some_and(|known| known.session_id == entry.session_id);
        if same {
            index.by_device.remove(&entry.device_id);
            index.by_key.remove(&entry.public_key);
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

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}
