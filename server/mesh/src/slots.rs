//! Places for connections: so many in all, and never all of them for one uid.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// All places of one socket.
pub(crate) struct Slots {
    all: Arc<Semaphore>,
    /// Most places of one uid.
    share: usize,
    /// Known callers only, so there are few.
    by_uid: Mutex<HashMap<u32, Arc<Semaphore>>>,
}

/// One place, free again when dropped.
pub(crate) struct Slot {
    _of_uid: Option<OwnedSemaphorePermit>,
    _of_all: Option<OwnedSemaphorePermit>,
}

impl Slots {
    pub(crate) fn new(all: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), share: (all - all / 4).max(1), by_uid: Mutex::default() }
    }

    /// Waits for a place within the uid's share; `None` has no share to keep to.
    pub(crate) async fn take(&self, uid: Option<u32>) -> Slot {
        // Both fail for a closed semaphore only, and nobody closes them.
        let of_uid = match uid.map(|uid| self.of_uid(uid)) {
            Some(share) => share.acquire_owned().await.ok(),
            None => None,
        };
        Slot { _of_uid: of_uid, _of_all: self.all.clone().acquire_owned().await.ok() }
    }

    fn of_uid(&self, uid: u32) -> Arc<Semaphore> {
        let mut by_uid = self.by_uid.lock().unwrap_or_else(PoisonError::into_inner);
        by_uid.entry(uid).or_insert_with(|| Arc::new(Semaphore::new(self.share))).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn one_uid_leaves_some_to_the_others() {
        let slots = Slots::new(5);
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(slots.take(Some(900)).now_or_never().unwrap());
        }
        assert!(slots.take(Some(900)).now_or_never().is_none(), "it has its share");
        let other = slots.take(Some(901)).now_or_never().unwrap();
        assert!(slots.take(None).now_or_never().is_none(), "all are taken");
        held.pop();
        held.push(slots.take(Some(900)).now_or_never().unwrap());
        drop((held, other));
        assert_eq!(slots.all.available_permits(), 5);
    }
}
