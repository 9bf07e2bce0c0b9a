//! Slots for connections: a number in all, and at most three quarters of them for one user.

use crate::UserId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// All slots of one socket.
pub(crate) struct Slots {
    all: Arc<Semaphore>,
    /// Most slots of one user.
    share: usize,
    /// Known callers only, so there are few.
    by_user: Mutex<HashMap<UserId, Arc<Semaphore>>>,
}

/// One slot, free again when dropped.
pub(crate) struct Slot {
    _of_user: Option<OwnedSemaphorePermit>,
    _of_all: Option<OwnedSemaphorePermit>,
}

impl Slots {
    pub(crate) fn new(all: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), share: (all - all / 4).max(1), by_user: Mutex::default() }
    }

    /// Waits for a slot within the user's share; `None` has no share to keep to.
    pub(crate) async fn take(&self, user: Option<UserId>) -> Slot {
        // Both fail for a closed semaphore only, and these are never closed.
        let of_user = match user.map(|user| self.of_user(user)) {
            Some(share) => share.acquire_owned().await.ok(),
            None => None,
        };
        Slot { _of_user: of_user, _of_all: self.all.clone().acquire_owned().await.ok() }
    }

    fn of_user(&self, user: UserId) -> Arc<Semaphore> {
        let mut by_user = self.by_user.lock().unwrap_or_else(PoisonError::into_inner);
        by_user.entry(user).or_insert_with(|| Arc::new(Semaphore::new(self.share))).clone()
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
