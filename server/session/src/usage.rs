//! Usage of accounts, and the status of the service.

use crate::fault;
use crate::service::Service;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use tornado_contracts::session::{HistoryRow, Repairs, SessionError, SessionsStatus, UserUsage};
use tornado_rpc::Fault;
use tornado_shared::model::{SessionState, UnixSeconds, UserId};
use tornado_store::StoreError;
use tornado_store::sessions::{HistoryRecord, Moved};

/// Counters since the start.
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

/// Increments a counter.
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
    /// Usage of an account: ended sessions as stored, live ones with their current bytes.
    pub async fn usage(&self, user: UserId) -> Result<UserUsage, SessionError> {
        let moved = self.moved_by(&[user]).await.map_err(|error| fault::store(&error))?;
        Ok(moved.get(&user).copied().unwrap_or_default())
    }

    /// Usage of many accounts; the result contains each of `users`. Everything that needs an account's total so far
    /// (views, bases of quotas, marks) uses this function.
    ///
    /// Only the store decides which sessions have ended, at a single point in time. Each session is therefore counted
    /// exactly once, even while it ends or while its end cannot be written. For live sessions of this gateway, memory
    /// is newer than the latest checkpoint; sessions of other gateways are in the store only.
    pub(crate) async fn moved_by(&self, users: &[UserId]) -> Result<HashMap<UserId, UserUsage>, StoreError> {
        // Read before the store: a session that ends later is no longer in the registry then.
        let known = self.registry.sessions_of(users);
        let stored = self.store.moved(users).await?;
        // Sessions that started in between.
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

    /// Converts a history row. The stored bytes are up to one checkpoint old; memory has the current ones.
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

    /// Deletes a bounded number of rows that are older than the configured age.
    pub async fn forget_old(&self) {
        const AT_ONCE: u32 = 500;
        let age = i64::from(self.config.history_days) * 86_400;
        match self.store.forget(self.now().saturating_sub(age), AT_ONCE).await {
            Ok(0) => {}
            Ok(rows) => {
                self.counts.forgotten.fetch_add(rows, Ordering::Relaxed);
                tracing::debug!(rows, "deleted old rows");
            }
            Err(error) => tracing::warn!(%error, "cannot delete old rows; the next sweep retries"),
        }
    }
}
