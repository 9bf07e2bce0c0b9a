//! One lock per device: calls for one device run in sequence, and other devices do not wait.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::OwnedMutexGuard;
use tornado_shared::model::DeviceId;

type Table = Arc<Mutex<HashMap<DeviceId, Arc<tokio::sync::Mutex<()>>>>>;

/// Locks by device. A lock exists only while it is held or awaited, so the table is never larger than the number of
/// calls in flight.
#[derive(Default)]
pub(crate) struct DeviceLocks {
    table: Table,
}

/// A lock that is held or awaited. Dropping it releases the lock.
pub(crate) struct DeviceGuard {
    device: DeviceId,
    lock: Option<OwnedMutexGuard<()>>,
    table: Table,
}

impl DeviceLocks {
    pub async fn lock(&self, device: DeviceId) -> DeviceGuard {
        let lock = self.table.lock().entry(device).or_default().clone();
        // Created before the wait, so that a cancelled waiter also cleans up the table.
        let mut guard = DeviceGuard { device, lock: None, table: self.table.clone() };
        guard.lock = Some(lock.lock_owned().await);
        guard
    }

    /// Returns the lock if it is free. For callers that already hold a lock and must not wait for a second one.
    pub fn try_lock(&self, device: DeviceId) -> Option<DeviceGuard> {
        let lock = self.table.lock().entry(device).or_default().clone();
        let mut guard = DeviceGuard { device, lock: None, table: self.table.clone() };
        guard.lock = Some(lock.try_lock_owned().ok()?);
        Some(guard)
    }
}

impl Drop for DeviceGuard {
    fn drop(&mut self) {
        let mut table = self.table.lock();
        drop(self.lock.take());
        // Clones are made only under the table's lock, so a count of one means that only the table holds the lock.
        if table.get(&self.device).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            table.remove(&self.device);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_device_waits_for_itself_only_and_the_table_empties() {
        let locks = DeviceLocks::default();
        let (one, two) = (DeviceId::random(), DeviceId::random());
        let held = locks.lock(one).await;
        drop(locks.lock(two).await);
        let mut waiting = Box::pin(locks.lock(one));
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        drop(waiting);
        assert!(locks.try_lock(one).is_none() && locks.try_lock(two).is_some());
        drop(held);
        drop(locks.lock(one).await);
        assert!(locks.table.lock().is_empty());
    }
}
