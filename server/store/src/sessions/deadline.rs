//! A bound for each call: a database server that hangs, or whose machine is gone, holds nobody.

use super::{
    Allowance, Checkpoint, CloseSession, HistoryRecord, Mark, Moved, OpenSession, Opened, PoolCount, SessionRow,
    SessionStore,
};
use crate::StoreError;
use async_trait::async_trait;
use std::collections::HashMap;
use std::time::Duration;
use tornado_shared::model::{CountryCode, DeviceId, SessionId, SessionState, UnixSeconds, UserId};

/// Longer than the wait for a connection, shorter than any caller's own deadline.
const DEADLINE: Duration = Duration::from_secs(5);

/// A store whose calls end with [`StoreError::Late`] in time. What was asked then may or may not have been done; the
/// callers' own repetition finds out, as after a lost answer.
#[derive(Debug, Clone)]
pub struct Deadlined<S>(pub S);

async fn within<T>(call: impl Future<Output = Result<T, StoreError>> + Send) -> Result<T, StoreError> {
    tokio::time::timeout(DEADLINE, call).await.unwrap_or(Err(StoreError::Late))
}

#[async_trait]
impl<S: SessionStore> SessionStore for Deadlined<S> {
    async fn open(&self, open: &OpenSession) -> Result<Opened, StoreError> {
        within(self.0.open(open)).await
    }

    async fn transition(
        &self,
        session: SessionId,
        from: SessionState,
        to: SessionState,
        offline_since: Option<UnixSeconds>,
    ) -> Result<bool, StoreError> {
        within(self.0.transition(session, from, to, offline_since)).await
    }

    async fn renew_isolation(&self, session: SessionId) -> Result<Option<u32>, StoreError> {
        within(self.0.renew_isolation(session)).await
    }

    async fn exit(&self, device: DeviceId) -> Result<Option<CountryCode>, StoreError> {
        within(self.0.exit(device)).await
    }

    async fn exits(&self, node_id: &str) -> Result<Vec<(DeviceId, CountryCode)>, StoreError> {
        tokio::time::timeout(DEADLINE * 6, self.0.exits(node_id)).await.unwrap_or(Err(StoreError::Late))
    }

    async fn choose_exit(
        &self,
        device: DeviceId,
        session: Option<SessionId>,
        country: Option<CountryCode>,
    ) -> Result<Option<u32>, StoreError> {
        within(self.0.choose_exit(device, session, country)).await
    }

    async fn close(&self, close: &CloseSession) -> Result<bool, StoreError> {
        within(self.0.close(close)).await
    }

    async fn checkpoint(&self, checkpoints: &[Checkpoint]) -> Result<(), StoreError> {
        // Many thousands are written in many transactions.
        let parts = u32::try_from(checkpoints.len() / 256).unwrap_or(u32::MAX).saturating_add(1);
        let all = DEADLINE.saturating_mul(parts);
        tokio::time::timeout(all, self.0.checkpoint(checkpoints)).await.unwrap_or(Err(StoreError::Late))
    }

    async fn connecting(&self, node_id: &str) -> Result<Vec<(SessionId, DeviceId)>, StoreError> {
        within(self.0.connecting(node_id)).await
    }

    async fn live(&self, node_id: &str) -> Result<Vec<SessionRow>, StoreError> {
        // At start only, and all rows of a gateway.
        tokio::time::timeout(DEADLINE * 6, self.0.live(node_id)).await.unwrap_or(Err(StoreError::Late))
    }

    async fn history(&self, user: Option<UserId>, limit: u32) -> Result<Vec<HistoryRecord>, StoreError> {
        within(self.0.history(user, limit)).await
    }

    async fn history_page(
        &self,
        user: UserId,
        before: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<HistoryRecord>, StoreError> {
        within(self.0.history_page(user, before, limit)).await
    }

    async fn marks(&self, user: UserId) -> Result<Vec<Mark>, StoreError> {
        within(self.0.marks(user)).await
    }

    async fn put_marks(&self, marks: &[(UserId, Mark)]) -> Result<(), StoreError> {
        within(self.0.put_marks(marks)).await
    }

    async fn moved(&self, users: &[UserId]) -> Result<HashMap<UserId, Moved>, StoreError> {
        within(self.0.moved(users)).await
    }

    async fn allowance(&self, user: UserId) -> Result<Option<Allowance>, StoreError> {
        within(self.0.allowance(user)).await
    }

    async fn allowances(&self, users: &[UserId]) -> Result<HashMap<UserId, Allowance>, StoreError> {
        within(self.0.allowances(users)).await
    }

    async fn begin_month(&self, month: i64, bases: &[(UserId, u64)]) -> Result<(), StoreError> {
        within(self.0.begin_month(month, bases)).await
    }

    async fn put_allowance(&self, user: UserId, new: Option<Allowance>) -> Result<Option<Allowance>, StoreError> {
        within(self.0.put_allowance(user, new)).await
    }

    async fn forget(&self, before: UnixSeconds, most: u32) -> Result<u64, StoreError> {
        within(self.0.forget(before, most)).await
    }

    async fn pool(&self, node_id: &str, rested_before: UnixSeconds) -> Result<PoolCount, StoreError> {
        within(self.0.pool(node_id, rested_before)).await
    }
}
