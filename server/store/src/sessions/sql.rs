//! [`SessionStore`] on a SQL database: the transactions. The statements are in one file per table.

use super::{
    AfterClose, Checkpoint, CloseSession, HistoryRecord, Mark, MonthQuota, Moved, OpenSession, Opened, PoolCount,
    SessionRow, SessionStore, exits, history, isolation, leases, live_rows, marks, quotas, turns, usage,
};
use crate::{Database, KnownSchema, PostgresLogin, StoreError, postgres};
use async_trait::async_trait;
use sqlx::AnyConnection;
use std::collections::HashMap;
use std::path::Path;
use tornado_shared::model::{CloseReason, CountryCode, DeviceId, SessionId, SessionState, UnixSeconds, UserId};

const KNOWN: KnownSchema = KnownSchema::Sessions;
/// PostgreSQL role of the service; see `installers/postgres/roles.sql`.
const ROLE: &str = "tornado_session";

/// Number of attempts of a transaction that loses a race for a slot or a key.
const ATTEMPTS: u32 = 5;

/// [`SessionStore`] on a [`Database`].
#[derive(Debug, Clone)]
pub struct SqlSessions {
    pub(super) db: Database,
}

impl SqlSessions {
    /// Opens the SQLite file at `path`; creates it with mode 0600 if it does not exist.
    ///
    /// # Errors
    /// See [`Database::open_sqlite`].
    pub async fn open_sqlite(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { db: Database::open_sqlite(path, &KNOWN.sqlite()).await? })
    }

    /// Opens the tables in a PostgreSQL database. Does not create them; see [`SqlSessions::migrate_postgres`].
    ///
    /// # Errors
    /// When the database is unavailable, rejects the login, or has another schema version.
    pub async fn open_postgres(login: &PostgresLogin) -> Result<Self, StoreError> {
        Ok(Self { db: Database::open_postgres(login, KNOWN.name(), &KNOWN.postgres()).await? })
    }

    /// Creates or updates the tables in a PostgreSQL database. `owner` is the role that owns them.
    ///
    /// # Errors
    /// When the database is unavailable or a migration fails.
    pub async fn migrate_postgres(owner: &PostgresLogin) -> Result<(), StoreError> {
        postgres::migrate(owner, KNOWN.name(), ROLE, &KNOWN.postgres()).await
    }

    /// Closes the database; see [`Database::close`].
    pub async fn shut(&self) {
        self.db.close().await;
    }

    /// The underlying database.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.db
    }

    async fn try_open(&self, open: &OpenSession) -> Result<Opened, StoreError> {
        let mut tx = self.db.begin().await?;
        let opened = open_in(&mut tx, open).await?;
        match &opened {
            Opened::New { .. } => tx.commit().await?,
            Opened::Existing(_) | Opened::KeyInUse | Opened::MaxDevices | Opened::PoolExhausted => {
                tx.rollback().await?;
            }
        }
        Ok(opened)
    }
}

#[async_trait]
impl SessionStore for SqlSessions {
    async fn open(&self, open: &OpenSession) -> Result<Opened, StoreError> {
        let mut attempt = 1;
        loop {
            match self.try_open(open).await {
                // A constraint decided in favour of another transaction. The next attempt sees its rows.
                Err(error) if (error.is_unique_violation() || error.is_conflict()) && attempt < ATTEMPTS => {
                    attempt += 1
                }
                decided => return decided,
            }
        }
    }

    async fn transition(
        &self,
        session: SessionId,
        from: SessionState,
        to: SessionState,
        offline_since: Option<UnixSeconds>,
    ) -> Result<bool, StoreError> {
        let moved =
            async { live_rows::transition(&mut *self.db.writer().await?, session, (from, to), offline_since).await };
        self.db.written(moved).await
    }

    async fn renew_isolation(&self, session: SessionId) -> Result<Option<u32>, StoreError> {
        let mut tx = self.db.begin().await?;
        let number = isolation::renew(&mut tx, session).await?;
        tx.commit().await?;
        Ok(number)
    }

    async fn exit(&self, device: DeviceId) -> Result<Option<CountryCode>, StoreError> {
        exits::of_device(&mut *self.db.reader().await?, device).await
    }

    async fn exits(&self, node_id: &str) -> Result<Vec<(DeviceId, CountryCode)>, StoreError> {
        exits::of_node(&mut *self.db.reader().await?, node_id).await
    }

    async fn choose_exit(
        &self,
        device: DeviceId,
        session: Option<SessionId>,
        country: Option<CountryCode>,
    ) -> Result<Option<u32>, StoreError> {
        let mut tx = self.db.begin().await?;
        exits::choose(&mut tx, device, country).await?;
        let number = match session {
            Some(session) => isolation::renew(&mut tx, session).await?,
            None => None,
        };
        tx.commit().await?;
        Ok(number)
    }

    async fn close(&self, close: &CloseSession) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let closed = close_in(&mut tx, close).await?;
        tx.commit().await?;
        Ok(closed)
    }

    async fn checkpoint(&self, checkpoints: &[Checkpoint]) -> Result<(), StoreError> {
        // In batches, so that a connect does not wait behind ten thousand updates.
        for part in checkpoints.chunks(256) {
            let mut tx = self.db.begin().await?;
            for point in part {
                live_rows::checkpoint(&mut tx, point).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }

    async fn connecting(&self, node_id: &str) -> Result<Vec<(SessionId, DeviceId)>, StoreError> {
        live_rows::connecting(&mut *self.db.reader().await?, node_id).await
    }

    async fn live(&self, node_id: &str) -> Result<Vec<SessionRow>, StoreError> {
        live_rows::of_node(&mut *self.db.reader().await?, node_id).await
    }

    async fn history(&self, user: Option<UserId>, limit: u32) -> Result<Vec<HistoryRecord>, StoreError> {
        history::newest(&mut *self.db.reader().await?, user, limit).await
    }

    async fn history_page(
        &self,
        user: UserId,
        before: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<HistoryRecord>, StoreError> {
        match before {
            Some(before) => history::before(&mut *self.db.reader().await?, user, before, limit).await,
            None => history::newest(&mut *self.db.reader().await?, Some(user), limit).await,
        }
    }

    async fn marks(&self, user: UserId) -> Result<Vec<Mark>, StoreError> {
        marks::of_user(&mut *self.db.reader().await?, user).await
    }

    async fn put_marks(&self, marks: &[(UserId, Mark)]) -> Result<(), StoreError> {
        let mut marks = marks.to_vec();
        marks.sort_by_key(|(user, _)| user.to_string());
        let mut tx = self.db.begin().await?;
        for (user, mark) in marks {
            marks::put(&mut tx, user, mark).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn moved(&self, users: &[UserId]) -> Result<HashMap<UserId, Moved>, StoreError> {
        usage::of_users(&mut *self.db.reader().await?, users).await
    }

    async fn quota(&self, user: UserId) -> Result<Option<MonthQuota>, StoreError> {
        let mut db = self.db.reader().await?;
        quotas::of_user(&mut db, user).await
    }

    async fn quotas(&self, users: &[UserId]) -> Result<HashMap<UserId, MonthQuota>, StoreError> {
        let mut db = self.db.reader().await?;
        quotas::of_users(&mut db, users).await
    }

    async fn begin_month(&self, month: i64, bases: &[(UserId, u64)]) -> Result<(), StoreError> {
        // Always in the same order, so that gateways cannot deadlock.
        let mut bases = bases.to_vec();
        bases.sort_by_key(|(user, _)| user.to_string());
        let mut tx = self.db.begin().await?;
        for (user, base) in bases {
            quotas::begin_month(&mut tx, user, month, base).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn put_quota(&self, user: UserId, new: Option<MonthQuota>) -> Result<Option<MonthQuota>, StoreError> {
        let mut tx = self.db.begin().await?;
        let stands = match new {
            Some(new) => Some(quotas::put(&mut tx, user, new).await?),
            None => {
                quotas::forget(&mut tx, user).await?;
                None
            }
        };
        tx.commit().await?;
        Ok(stands)
    }

    async fn forget(&self, before: UnixSeconds, most: u32) -> Result<u64, StoreError> {
        let mut tx = self.db.begin().await?;
        let rows = history::forget(&mut tx, before, most).await? + leases::forget(&mut tx, before, most).await?;
        tx.commit().await?;
        Ok(rows)
    }

    async fn pool(&self, node_id: &str, rested_before: UnixSeconds) -> Result<PoolCount, StoreError> {
        leases::count(&mut *self.db.reader().await?, node_id, rested_before).await
    }
}

async fn open_in(tx: &mut AnyConnection, open: &OpenSession) -> Result<Opened, StoreError> {
    // Two devices of one account must not both find its last slot free. The account is always locked before the
    // gateway, so that transactions cannot deadlock.
    turns::take(tx, open.user_id).await?;
    let old = live_rows::of_device(tx, open.device_id).await?;
    if let Some(row) = &old
        && row.public_key == open.public_key
        && row.family_id == open.family_id
        && row.node_id == open.node_id
    {
        return Ok(Opened::Existing(Box::new(row.clone())));
    }
    if live_rows::key_taken(tx, open.public_key, open.device_id).await? {
        return Ok(Opened::KeyInUse);
    }
    if live_rows::other_devices(tx, open.user_id, open.device_id).await? >= i64::from(open.max_devices) {
        return Ok(Opened::MaxDevices);
    }
    if let Some(row) = &old {
        let close = CloseSession {
            session_id: row.session_id,
            reason: CloseReason::Replaced,
            at: open.now,
            direct: row.direct.total,
            tor: row.tor.total,
            lease: AfterClose::Quarantine,
        };
        close_in(tx, &close).await?;
    }
    // Before the lease: its row is the gateway's lock, so that only one transaction at a time searches for a free slot.
    let number = isolation::next(tx, &open.node_id).await?;
    let Some(taken) = leases::take(tx, open).await? else { return Ok(Opened::PoolExhausted) };
    let row = open.row(taken.slot, number);
    live_rows::insert(tx, &row).await?;
    history::insert(tx, &row).await?;
    for mark in &open.marks {
        marks::put(tx, open.user_id, *mark).await?;
    }
    Ok(Opened::New { row: Box::new(row), held_before: taken.held_before, replaced: old.map(Box::new) })
}

async fn close_in(tx: &mut AnyConnection, close: &CloseSession) -> Result<bool, StoreError> {
    if !live_rows::delete(tx, close.session_id).await? {
        return Ok(false);
    }
    history::end(tx, close).await?;
    usage::add(tx, close).await?;
    leases::release(tx, close.session_id, close.at, close.lease).await?;
    Ok(true)
}
