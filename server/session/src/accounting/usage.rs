//! Usage of accounts, and their connection history.

use crate::error;
use crate::registry::Registry;
use std::collections::HashMap;
use std::sync::Arc;
use tornado_contracts::session::{HistoryRow, SessionError, UserUsage};
use tornado_rpc::Fault;
use tornado_shared::model::{SessionId, UserId};
use tornado_store::StoreError;
use tornado_store::sessions::{HistoryRecord, Moved, SqlSessions};

/// What the store knows of ended sessions, and memory of live ones.
pub(crate) struct Usage {
    store: SqlSessions,
    registry: Arc<Registry>,
}

impl Usage {
    pub const fn new(store: SqlSessions, registry: Arc<Registry>) -> Self {
        Self { store, registry }
    }

    /// Usage of an account: ended sessions as stored, live ones with their current bytes.
    pub async fn usage(&self, user: UserId) -> Result<UserUsage, SessionError> {
        let usage = self.of_users(&[user]).await.map_err(error::store)?;
        Ok(usage.get(&user).copied().unwrap_or_default())
    }

    /// Usage of many accounts; the result contains each of `users`. Everything that needs an account's total so far
    /// (views, bases of quotas, marks) uses this function.
    ///
    /// Only the store decides which sessions have ended, at a single point in time. Each session is therefore counted
    /// exactly once, even while it ends or while its end cannot be written. For live sessions of this gateway, memory
    /// is newer than the latest checkpoint; sessions of other gateways are in the store only.
    pub async fn of_users(&self, users: &[UserId]) -> Result<HashMap<UserId, UserUsage>, StoreError> {
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
                let (direct, tor) = entry.map_or((row.direct, row.tor), |entry| entry.transferred());
                sum.sessions += 1;
                sum.direct_transfer = sum.direct_transfer.plus(direct);
                sum.tor_transfer = sum.tor_transfer.plus(tor);
            }
            (user, sum)
        };
        Ok(stored.into_iter().map(sum).collect())
    }

    /// Past and live sessions, newest first.
    pub async fn history(&self, user: Option<UserId>, limit: u32) -> Result<Vec<HistoryRow>, SessionError> {
        check_limit(limit)?;
        self.history_page(user, None, limit).await
    }

    /// Sessions that began before the session `before`, newest first. The caller checks the limit.
    pub async fn history_page(
        &self,
        user: Option<UserId>,
        before: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<HistoryRow>, SessionError> {
        let rows = self.store.history_page(user, before, limit).await.map_err(error::store)?;
        Ok(rows.into_iter().map(|row| self.row(row)).collect())
    }

    /// Converts a history row. The stored bytes are up to one checkpoint old; memory has the current ones.
    fn row(&self, row: HistoryRecord) -> HistoryRow {
        let entry = self.registry.of_device(row.device_id).filter(|entry| entry.session_id == row.session_id);
        let current = entry.filter(|_| row.ended.is_none()).map(|entry| entry.transferred());
        HistoryRow {
            session_id: row.session_id,
            user_id: row.user_id,
            username: row.username,
            device_id: row.device_id,
            started_at: row.started_at,
            ended_at: row.ended.map(|(at, _)| at),
            reason: row.ended.map(|(_, reason)| reason),
            direct_transfer: current.map_or(row.direct, |(direct, _)| direct),
            tor_transfer: current.map_or(row.tor, |(_, tor)| tor),
        }
    }
}

/// Fails for a limit that the contract does not allow.
pub(crate) fn check_limit(limit: u32) -> Result<(), SessionError> {
    if (1..=500).contains(&limit) { Ok(()) } else { Err(Fault::Malformed("limit must be 1 to 500".into()).into()) }
}
