//! Places for connections: so many in all, and never all of them for one uid.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// All places of one socket.
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    holders: Arc<Holders>,
}

struct Holders {
    /// Most places of one uid.
    share: usize,
    by_uid: Mutex<HashMap<u32, usize>>,
}

/// One place, free again when dropped.
pub(crate) struct Slot {
    _permit: Option<OwnedSemaphorePermit>,
    holders: Arc<Holders>,
    uid: Option<u32>,
}

impl Slots {
    pub(crate) fn new(all: usize) -> Self {
        let holders = Holders { share: (all - all / 4).max(1), by_uid: Mutex::default() };
        Self { free: Arc::new(Semaphore::new(all)), holders: Arc::new(holders) }
    }

    /// Waits for a free place.
    pub(crate) async fn free(&self) -> Slot {
        // Fails for a closed semaphore only, and nobody closes it.
        let permit = self.free.clone().acquire_owned().await.ok();
        Slot { _permit: permit, holders: self.holders.clone(), uid: None }
    }
}

impl Slot {
    /// Counts the place for a uid. `None`: it has its share, and the place is free again.
    pub(crate) fn taken_by(mut self, uid: u32) -> Option<Self> {
        {
            let mut by_uid = self.holders.by_uid();
            let held = by_uid.entry(uid).or_default();
            if *held >= self.holders.share {
                return None;
            }
            *held += 1;
        }
        self.uid = Some(uid);
        Some(self)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(uid) = self.uid else { return };
        let mut by_uid = self.holders.by_uid();
        let left = by_uid.get_mut(&uid).map_or(0, |held| {
            *held = held.saturating_sub(1);
            *held
        });
        if left == 0 {
            by_uid.remove(&uid);
        }
    }
}

impl Holders {
    fn by_uid(&self) -> MutexGuard<'_, HashMap<u32, usize>> {
        self.by_uid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_uid_leaves_some_to_the_others() {
        let slots = Slots::new(5);
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(slots.free().await.taken_by(900).unwrap());
        }
        assert!(slots.free().await.taken_by(900).is_none());
        let other = slots.free().await.taken_by(901).unwrap();
        held.pop();
        held.push(slots.free().await.taken_by(900).unwrap_or_else(|| panic!("a place is free again")));
        drop((held, other));
        assert!(slots.holders.by_uid().is_empty());
        assert_eq!(slots.free.available_permits(), 5);
    }
}
