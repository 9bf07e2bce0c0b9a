//! The transactions of the session store. The statements are in one file per table.

use super::model::{
    AfterClose, Checkpoint, CloseSession, DayUsage, HistoryRecord, Mark, MonthQuota, Moved, OpenSession, Opened,
    PoolCount, SessionRow,
};
use super::tables::{exits, history, isolation, leases, marks, quotas, sessions, turns, usage, usage_days};
use crate::{Database, Engine, KnownSchema, PostgresLogin, StoreError, postgres};
use sqlx::AnyConnection;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;
use tornado_shared::model::{CloseReason, CountryCode, DeviceId, SessionId, SessionState, UnixSeconds, UserId};

const KNOWN: KnownSchema = KnownSchema::Sessions;

/// Deadline of a call to a database server. Shorter than the deadlines of all callers.
const SERVER: Duration = Duration::from_secs(5);
/// Deadline of a call to a file, which only a slow disk or a busy machine delays. Also shorter than those of all
/// callers.
const FILE: Duration = Duration::from_secs(12);

/// Number of attempts of a transaction that loses a race for a slot or a key.
const ATTEMPTS: u32 = 5;

/// Store of sessions. Every method is atomic. Every method that writes may be repeated. Cheap to clone.
///
/// # Errors
/// Every method fails when the database is unavailable or contains an invalid value.
#[derive(Debug, Clone)]
pub struct SqlSessions {
    pub(super) db: Database,
    deadline: Option<Duration>,
}

impl SqlSessions {
    /// Opens the SQLite file at `path`; creates it with mode 0600 if it does not exist.
    ///
    /// # Errors
    /// See [`Database::open_sqlite`].
    pub async fn open_sqlite(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { db: Database::open_sqlite(path, &KNOWN.sqlite()).await?, deadline: None })
    }

    /// Opens the tables in a PostgreSQL database. Does not create them; see [`SqlSessions::migrate_postgres`].
    ///
    /// # Errors
    /// When the database is unavailable, rejects the login, or has another schema version.
    pub async fn open_postgres(login: &PostgresLogin) -> Result<Self, StoreError> {
        let db = Database::open_postgres(login, KNOWN.name(), &KNOWN.postgres()).await?;
        Ok(Self { db, deadline: None })
    }

    /// Creates or updates the tables in a PostgreSQL database. `owner` is the role that owns them. Tables that have an
    /// older schema are copied first; returns the schema with the copy.
    ///
    /// # Errors
    /// When the database is unavailable, has a newer schema, cannot be copied, or a migration fails.
    pub async fn migrate_postgres(owner: &PostgresLogin) -> Result<Option<String>, StoreError> {
        postgres::migrate(owner, KNOWN.name(), KNOWN.role(), &KNOWN.postgres()).await
    }

    /// Limits the time of each call, so that a hanging or unreachable database blocks no caller. A call that is late
    /// fails with [`StoreError::Late`]. The operation may or may not have been performed then; the caller's retry
    /// handles both cases, as after a lost response.
    #[must_use]
    pub fn with_deadline(self) -> Self {
        let deadline = match self.db.engine() {
            Engine::Sqlite => FILE,
            Engine::Postgres => SERVER,
        };
        Self { deadline: Some(deadline), ..self }
    }

    /// Executes a call that takes up to `times` as long as others.
    async fn within<T>(&self, times: u32, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let Some(deadline) = self.deadline else { return call.await };
        tokio::time::timeout(deadline.saturating_mul(times), call).await.unwrap_or(Err(StoreError::Late))
    }

    /// Executes a query.
    async fn read<T>(
        &self,
        query: impl AsyncFnOnce(&mut AnyConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.within(1, async { query(&mut *self.db.reader().await?).await }).await
    }

    /// Executes a query that runs at start only and returns all rows of a gateway.
    async fn read_long<T>(
        &self,
        query: impl AsyncFnOnce(&mut AnyConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.within(6, async { query(&mut *self.db.reader().await?).await }).await
    }

    /// Executes a transaction. An error rolls it back.
    async fn write<T>(
        &self,
        change: impl AsyncFnOnce(&mut AnyConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let transaction = async {
            let mut tx = self.db.begin().await?;
            let changed = change(&mut tx).await?;
            tx.commit().await?;
            Ok(changed)
        };
        self.within(1, transaction).await
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

#[expect(clippy::missing_errors_doc, reason = "the documentation of the type has the errors of all methods")]
impl SqlSessions {
    /// Leases a slot and creates live row and history row, all or nothing. A device keeps its current or previous slot,
    /// unless another device has got it since.
    pub async fn open(&self, open: &OpenSession) -> Result<Opened, StoreError> {
        self.within(1, async {
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
        })
        .await
    }

    /// Changes the state of a session from `from` to `to`. Succeeds also if the state is `to` already, because the
    /// response of an earlier call may have been lost. `offline_since` is used in state `Offline` only. Returns false
    /// if the session is in neither state.
    pub async fn transition(
        &self,
        session: SessionId,
        from: SessionState,
        to: SessionState,
        offline_since: Option<UnixSeconds>,
    ) -> Result<bool, StoreError> {
        let moved =
            async { sessions::transition(&mut *self.db.writer().await?, session, (from, to), offline_since).await };
        self.within(1, self.db.written(moved)).await
    }

    /// Assigns a new isolation number to a live session; a number is reused only after all others. `None` if the
    /// session has ended.
    pub async fn renew_isolation(&self, session: SessionId) -> Result<Option<u32>, StoreError> {
        self.write(async |tx| isolation::renew(tx, session).await).await
    }

    /// Chosen exit country of a device, with or without a session.
    pub async fn exit(&self, device: DeviceId) -> Result<Option<CountryCode>, StoreError> {
        self.read(async |db| exits::of_device(db, device).await).await
    }

    /// Chosen exit countries of all devices with a live session on a gateway.
    pub async fn exits(&self, node_id: &str) -> Result<Vec<(DeviceId, CountryCode)>, StoreError> {
        self.read_long(async |db| exits::of_node(db, node_id).await).await
    }

    /// Stores the chosen exit country of a device and, if `session` is given, assigns a new isolation number to it:
    /// both or neither. `None` if there is no such session.
    pub async fn choose_exit(
        &self,
        device: DeviceId,
        session: Option<SessionId>,
        country: Option<CountryCode>,
    ) -> Result<Option<u32>, StoreError> {
        self.write(async |tx| {
            exits::choose(tx, device, country).await?;
            match session {
                Some(session) => isolation::renew(tx, session).await,
                None => Ok(None),
            }
        })
        .await
    }

    /// Closes a session: deletes the live row, ends the history row and releases the lease. Returns false if it was
    /// already closed; nothing changes then.
    pub async fn close(&self, close: &CloseSession) -> Result<bool, StoreError> {
        self.write(async |tx| close_in(tx, close).await).await
    }

    /// Updates the mutable columns of live rows. Sessions that have ended are skipped.
    pub async fn checkpoint(&self, checkpoints: &[Checkpoint]) -> Result<(), StoreError> {
        // In batches, so that a connect does not wait behind ten thousand updates.
        let parts = checkpoints.chunks(256);
        let times = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        self.within(times, async {
            for part in parts {
                let mut tx = self.db.begin().await?;
                for point in part {
                    sessions::checkpoint(&mut tx, point).await?;
                }
                tx.commit().await?;
            }
            Ok(())
        })
        .await
    }

    /// Live sessions of a gateway in state `Connecting`.
    pub async fn connecting(&self, node_id: &str) -> Result<Vec<(SessionId, DeviceId)>, StoreError> {
        self.read(async |db| sessions::connecting(db, node_id).await).await
    }

    /// All live sessions of a gateway.
    pub async fn live(&self, node_id: &str) -> Result<Vec<SessionRow>, StoreError> {
        self.read_long(async |db| sessions::of_node(db, node_id).await).await
    }

    /// Connections, newest first.
    pub async fn history(&self, user: Option<UserId>, limit: u32) -> Result<Vec<HistoryRecord>, StoreError> {
        self.read(async |db| history::newest(db, user, limit).await).await
    }

    /// Connections of an account or of all, newest first: those before connection `before`, or the latest ones. Empty
    /// if there is no such connection.
    pub async fn history_page(
        &self,
        user: Option<UserId>,
        before: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<HistoryRecord>, StoreError> {
        match before {
            Some(before) => self.read(async |db| history::before(db, user, before, limit).await).await,
            None => self.history(user, limit).await,
        }
    }

    /// The latest mark of each kind of an account.
    pub async fn marks(&self, user: UserId) -> Result<Vec<Mark>, StoreError> {
        self.read(async |db| marks::of_user(db, user).await).await
    }

    /// Stores marks, all or none. The first mark of a day or month stays, and a later one is never replaced by an
    /// earlier one. The mark of a day ends the day of the mark before.
    pub async fn put_marks(&self, marks: &[(UserId, Mark)]) -> Result<(), StoreError> {
        let marks = in_order(marks);
        self.write(async |tx| {
            for (user, mark) in marks {
                put_mark(tx, user, mark).await?;
            }
            Ok(())
        })
        .await
    }

    /// Past days of an account on which it transferred something, from day `first` on, the latest first.
    pub async fn usage_days(&self, user: UserId, first: i64) -> Result<Vec<DayUsage>, StoreError> {
        self.read(async |db| usage_days::of_user(db, user, first).await).await
    }

    /// Totals of accounts, all read at the same time. The result contains each of `users`. Limited to several hundred.
    pub async fn moved(&self, users: &[UserId]) -> Result<HashMap<UserId, Moved>, StoreError> {
        self.read(async |db| usage::of_users(db, users).await).await
    }

    /// Quota of an account, if any.
    pub async fn quota(&self, user: UserId) -> Result<Option<MonthQuota>, StoreError> {
        self.read(async |db| quotas::of_user(db, user).await).await
    }

    /// Quotas of those accounts that have one. Limited to several hundred.
    pub async fn quotas(&self, users: &[UserId]) -> Result<HashMap<UserId, MonthQuota>, StoreError> {
        self.read(async |db| quotas::of_users(db, users).await).await
    }

    /// Stores the bases of accounts for a new month, all or none. The first base of a month stays, and quotas do not
    /// change.
    pub async fn begin_month(&self, month: i64, bases: &[(UserId, u64)]) -> Result<(), StoreError> {
        let bases = in_order(bases);
        self.write(async |tx| {
            for (user, base) in bases {
                quotas::begin_month(tx, user, month, base).await?;
            }
            Ok(())
        })
        .await
    }

    /// Sets or removes a quota. The first base of the latest month stays. Returns the resulting row.
    pub async fn put_quota(&self, user: UserId, new: Option<MonthQuota>) -> Result<Option<MonthQuota>, StoreError> {
        self.write(async |tx| match new {
            Some(new) => quotas::put(tx, user, new).await.map(Some),
            None => quotas::forget(tx, user).await.map(|()| None),
        })
        .await
    }

    /// Deletes history rows that ended before `before` and usage of days before it, and clears the devices of slots
    /// released before it: at most `most` of each, oldest first. Returns the number of rows of all.
    pub async fn forget(&self, before: UnixSeconds, most: u32) -> Result<u64, StoreError> {
        self.write(async |tx| {
            let days = usage_days::forget(tx, before.div_euclid(86_400), most).await?;
            Ok(days + history::forget(tx, before, most).await? + leases::forget(tx, before, most).await?)
        })
        .await
    }

    /// Number of leased slots and of slots in quarantine. A slot released before `rested_before` is no longer in
    /// quarantine.
    pub async fn pool(&self, node_id: &str, rested_before: UnixSeconds) -> Result<PoolCount, StoreError> {
        self.read(async |db| leases::count(db, node_id, rested_before).await).await
    }
}

async fn put_mark(tx: &mut AnyConnection, user: UserId, mark: Mark) -> Result<(), StoreError> {
    usage_days::end(tx, user, mark).await?;
    marks::put(tx, user, mark).await
}

/// Values of accounts, always in the same order, so that gateways cannot deadlock.
fn in_order<T: Copy>(values: &[(UserId, T)]) -> Vec<(UserId, T)> {
    let mut values = values.to_vec();
    values.sort_by_key(|(user, _)| user.to_string());
    values
}

async fn open_in(tx: &mut AnyConnection, open: &OpenSession) -> Result<Opened, StoreError> {
    // Two devices of one account must not both find its last slot free. The account is always locked before the
    // gateway, so that transactions cannot deadlock.
    turns::take(tx, open.user_id).await?;
    let old = sessions::of_device(tx, open.device_id).await?;
    if let Some(row) = &old
        && row.public_key == open.public_key
        && row.family_id == open.family_id
        && row.node_id == open.node_id
    {
        return Ok(Opened::Existing(Box::new(row.clone())));
    }
    if sessions::key_taken(tx, open.public_key, open.device_id).await? {
        return Ok(Opened::KeyInUse);
    }
    if sessions::other_devices(tx, open.user_id, open.device_id).await? >= i64::from(open.max_devices) {
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
    sessions::insert(tx, &row).await?;
    history::insert(tx, &row).await?;
    for mark in &open.marks {
        put_mark(tx, open.user_id, *mark).await?;
    }
    Ok(Opened::New { row: Box::new(row), held_before: taken.held_before, replaced: old.map(Box::new) })
}

async fn close_in(tx: &mut AnyConnection, close: &CloseSession) -> Result<bool, StoreError> {
    if !sessions::delete(tx, close.session_id).await? {
        return Ok(false);
    }
    history::end(tx, close).await?;
    usage::add(tx, close).await?;
    leases::release(tx, close.session_id, close.at, close.lease).await?;
    Ok(true)
}
