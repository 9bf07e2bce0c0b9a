//! Slots for connections: a total number, and at most three quarters of it for one user.

use crate::UserId;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The slots of one socket.
pub(crate) struct Slots {
    all: Arc<Semaphore>,
    /// Maximum number of slots of one user.
    share: usize,
    /// Contains only known callers, so there are few.
    by_user: Mutex<HashMap<UserId, Arc<Semaphore>>>,
}

/// One slot, which is released on drop.
pub(crate) struct Slot {
    _of_user: Option<OwnedSemaphorePermit>,
    _of_all: Option<OwnedSemaphorePermit>,
}

impl Slots {
    pub(crate) fn new(all: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), share: (all - all / 4).max(1), by_user: Mutex::default() }
    }

    /// Waits for a slot within the user's share; for `None` there is no share.
    pub(crate) async fn take(&self, user: Option<UserId>) -> Slot {
        // Both calls fail only for a closed semaphore, and these are never closed.
        let of_user = match user.map(|user| self.of_user(user)) {
            Some(share) => share.acquire_owned().await.ok(),
            None => None,
        };
        Slot { _of_user: of_user, _of_all: self.all.clone().acquire_owned().await.ok() }
    }

    fn of_user(&self, user: UserId) -> Arc<Semaphore> {
        let mut by_user = self.by_user.lock();
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
        assert!(slots.take(Some(900)).now_or_never().is_none(), "the user's share is used up");
        let other = slots.take(Some(901)).now_or_never().unwrap();
        assert!(slots.take(None).now_or_never().is_none(), "all slots are in use");
        held.pop();
        held.push(slots.take(Some(900)).now_or_never().unwrap());
        drop((held, other));
        assert_eq!(slots.all.available_permits(), 5);
    }
}
