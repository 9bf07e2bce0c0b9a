//! What accounts moved, and the service at a glance.

use crate::fault;
use crate::service::Service;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use tornado_contracts::session::{HistoryRow, Repairs, SessionError, SessionsStatus, UserUsage};
use tornado_rpc::Fault;
use tornado_shared::model::{SessionState, UnixSeconds, UserId};
use tornado_store::StoreError;
use tornado_store::sessions::{HistoryRecord, Moved};

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub since: UnixSeconds,
    pub ended: AtomicU64,
    pub strays: AtomicU64,
    pub put_back: AtomicU64,
    pub taken_away: AtomicU64,
    pub written: AtomicU64,
    pub told_again: AtomicU64,
    pub forgotten: AtomicU64,
}

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counts {
    fn repairs(&self) -> Repairs {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Repairs {
            ended: read(&self.ended),
            strays: read(&self.strays),
            put_back: read(&self.put_back),
            taken_away: read(&self.taken_away),
            written: read(&self.written),
            told_again: read(&self.told_again),
        }
    }
}

impl Service {
    /// Ended sessions as stored, and the live ones with the bytes of this moment.
    pub async fn usage(&self, user: UserId) -> Result<UserUsage, SessionError> {
        let moved = self.moved_by(&[user]).await.map_err(|error| fault::store(&error))?;
        Ok(moved.get(&user).copied().unwrap_or_default())
    }

    /// The same of many; every one that was asked for is there. Whatever says how much an account moved until some
    /// moment (what is shown, bases of quotas, marks) comes from here.
    ///
    /// The store alone says which sessions have ended, at one moment, so each is counted once, also while it ends and
    /// while its end cannot be written. Of those that live memory knows more than the latest checkpoint; those of other
    /// gateways are in the store only.
    pub(crate) async fn moved_by(&self, users: &[UserId]) -> Result<HashMap<UserId, UserUsage>, StoreError> {
        // Before the store is read, as one that ends afterwards is gone from the registry then.
        let known = self.registry.sessions_of(users);
        let stored = self.store.moved(users).await?;
        // Those that began meanwhile.
        let young = self.registry.sessions_of(users);
        let sum = |(user, Moved { ended, live }): (UserId, Moved)| {
            let (sessions, direct_transfer, tor_transfer) = (ended.sessions, ended.direct, ended.tor);
            let mut sum = UserUsage { sessions, direct_transfer, tor_transfer };
            for row in live {
                let entry = known.get(&row.session_id).or_else(|| young.get(&row.session_id));
                let (direct, tor) = entry.map_or((row.direct, row.tor), |entry| entry.moved());
                sum.sessions += 1;
                sum.direct_transfer = sum.direct_transfer.plus(direct);
                sum.tor_transfer = sum.tor_transfer.plus(tor);
            }
            (user, sum)
        };
        Ok(stored.into_iter().map(sum).collect())
    }

    pub(crate) fn check_limit(&self, limit: u32) -> Result<(), SessionError> {
        if (1..=500).contains(&limit) { Ok(()) } else { Err(Fault::Malformed("limit must be 1 to 500".into()).into()) }
    }

    /// A row of history. What is on disk is up to one checkpoint old; memory has the bytes of this moment.
    pub(crate) fn up_to_now(&self, row: HistoryRecord) -> HistoryRow {
        let entry = self.registry.of_device(row.device_id).filter(|entry| entry.session_id == row.session_id);
        let moved = entry.filter(|_| row.ended.is_none()).map(|entry| entry.moved());
        HistoryRow {
            session_id: row.session_id,
            user_id: row.user_id,
            username: row.username,
            device_id: row.device_id,
            started_at: row.started_at,
            ended_at: row.ended.map(|(at, _)| at),
            reason: row.ended.map(|(_, reason)| reason),
            direct_transfer: moved.map_or(row.direct, |(direct, _)| direct),
            tor_transfer: moved.map_or(row.tor, |(_, tor)| tor),
        }
    }

    pub fn at_a_glance(&self) -> SessionsStatus {
        let states: Vec<_> = self.registry.all().iter().map(|entry| entry.state()).collect();
        let count = |wanted| u32::try_from(states.iter().filter(|state| **state == wanted).count()).unwrap_or(u32::MAX);
        SessionsStatus {
            since: self.counts.since,
            online: count(SessionState::Online),
            offline: count(SessionState::Offline),
            repairs: self.counts.repairs(),
            forgotten: self.counts.forgotten.load(Ordering::Relaxed),
        }
    }

    /// Drops what is older than the configuration wants; a bounded part of it.
    pub async fn forget_old(&self) {
        const AT_ONCE: u32 = 500;
        let age = i64::from(self.config.history_days) * 86_400;
        match self.store.forget(self.now().saturating_sub(age), AT_ONCE).await {
            Ok(0) => {}
            Ok(rows) => {
                self.counts.forgotten.fetch_add(rows, Ordering::Relaxed);
                tracing::debug!(rows, "old rows were dropped");
            }
            Err(error) => tracing::warn!(%error, "old rows were not dropped; trying again at the next sweep"),
        }
    }
}
