//! A deadline for each call, so that a hanging or unreachable database server blocks no caller.

use super::{
    Checkpoint, CloseSession, HistoryRecord, Mark, MonthQuota, Moved, OpenSession, Opened, PoolCount, SessionRow,
    SessionStore, SqlSessions,
};
use crate::{Engine, StoreError};
use async_trait::async_trait;
use std::collections::HashMap;
use std::time::Duration;
use tornado_shared::model::{CountryCode, DeviceId, SessionId, SessionState, UnixSeconds, UserId};

/// Deadline with a database server. Shorter than the deadlines of all callers.
const SERVER: Duration = Duration::from_secs(5);
/// Deadline with a file, which only a slow disk or a busy machine delays. Also shorter than those of all callers.
const FILE: Duration = Duration::from_secs(12);

/// A store whose calls fail with [`StoreError::Late`] in time. The operation may or may not have been performed then;
/// the caller's retry handles both cases, as after a lost response.
#[derive(Debug, Clone)]
pub struct Deadlined<S> {
    store: S,
    deadline: Duration,
}

impl Deadlined<SqlSessions> {
    /// Uses the deadline for the store's engine.
    #[must_use]
    pub const fn new(store: SqlSessions) -> Self {
        let deadline = match store.db.engine() {
            Engine::Sqlite => FILE,
            Engine::Postgres => SERVER,
        };
        Self { store, deadline }
    }
}

impl<S> Deadlined<S> {
    async fn within<T>(&self, call: impl Future<Output = Result<T, StoreError>> + Send) -> Result<T, StoreError>
    where
        S: Sync,
    {
        tokio::time::timeout(self.deadline, call).await.unwrap_or(Err(StoreError::Late))
    }
}

#[async_trait]
impl<S: SessionStore> SessionStore for Deadlined<S> {
    async fn open(&self, open: &OpenSession) -> Result<Opened, StoreError> {
        self.within(self.store.open(open)).await
    }

    async fn transition(
        &self,
        session: SessionId,
        from: SessionState,
        to: SessionState,
        offline_since: Option<UnixSeconds>,
    ) -> Result<bool, StoreError> {
        self.within(self.store.transition(session, from, to, offline_since)).await
    }

    async fn renew_isolation(&self, session: SessionId) -> Result<Option<u32>, StoreError> {
        self.within(self.store.renew_isolation(session)).await
    }

    async fn exit(&self, device: DeviceId) -> Result<Option<CountryCode>, StoreError> {
        self.within(self.store.exit(device)).await
    }

    async fn exits(&self, node_id: &str) -> Result<Vec<(DeviceId, CountryCode)>, StoreError> {
        tokio::time::timeout(self.deadline * 6, self.store.exits(node_id)).await.unwrap_or(Err(StoreError::Late))
    }

    async fn choose_exit(
        &self,
        device: DeviceId,
        session: Option<SessionId>,
        country: Option<CountryCode>,
    ) -> Result<Option<u32>, StoreError> {
        self.within(self.store.choose_exit(device, session, country)).await
    }

    async fn close(&self, close: &CloseSession) -> Result<bool, StoreError> {
        self.within(self.store.close(close)).await
    }

    async fn checkpoint(&self, checkpoints: &[Checkpoint]) -> Result<(), StoreError> {
        // Thousands of checkpoints are written in many transactions.
        let parts = u32::try_from(checkpoints.len() / 256).unwrap_or(u32::MAX).saturating_add(1);
        let all = self.deadline.saturating_mul(parts);
        tokio::time::timeout(all, self.store.checkpoint(checkpoints)).await.unwrap_or(Err(StoreError::Late))
    }

    async fn connecting(&self, node_id: &str) -> Result<Vec<(SessionId, DeviceId)>, StoreError> {
        self.within(self.store.connecting(node_id)).await
    }

    async fn live(&self, node_id: &str) -> Result<Vec<SessionRow>, StoreError> {
        // Runs at start only and returns all rows of a gateway.
        tokio::time::timeout(self.deadline * 6, self.store.live(node_id)).await.unwrap_or(Err(StoreError::Late))
    }

    async fn history(&self, user: Option<UserId>, limit: u32) -> Result<Vec<HistoryRecord>, StoreError> {
        self.within(self.store.history(user, limit)).await
    }

    async fn history_page(
        &self,
        user: UserId,
        before: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<HistoryRecord>, StoreError> {
        self.within(self.store.history_page(user, before, limit)).await
    }

    async fn marks(&self, user: UserId) -> Result<Vec<Mark>, StoreError> {
        self.within(self.store.marks(user)).await
    }

    async fn put_marks(&self, marks: &[(UserId, Mark)]) -> Result<(), StoreError> {
        self.within(self.store.put_marks(marks)).await
    }

    async fn moved(&self, users: &[UserId]) -> Result<HashMap<UserId, Moved>, StoreError> {
        self.within(self.store.moved(users)).await
    }

    async fn quota(&self, user: UserId) -> Result<Option<MonthQuota>, StoreError> {
        self.within(self.store.quota(user)).await
    }

    async fn quotas(&self, users: &[UserId]) -> Result<HashMap<UserId, MonthQuota>, StoreError> {
        self.within(self.store.quotas(users)).await
    }

    async fn begin_month(&self, month: i64, bases: &[(UserId, u64)]) -> Result<(), StoreError> {
        self.within(self.store.begin_month(month, bases)).await
    }

    async fn put_quota(&self, user: UserId, new: Option<MonthQuota>) -> Result<Option<MonthQuota>, StoreError> {
        self.within(self.store.put_quota(user, new)).await
    }

    async fn forget(&self, before: UnixSeconds, most: u32) -> Result<u64, StoreError> {
        self.within(self.store.forget(before, most)).await
    }

    async fn pool(&self, node_id: &str, rested_before: UnixSeconds) -> Result<PoolCount, StoreError> {
        self.within(self.store.pool(node_id, rested_before)).await
    }
}
