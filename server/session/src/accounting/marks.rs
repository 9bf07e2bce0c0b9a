//! Usage of accounts today and this month: the difference to a mark that is set when the day or month starts.
//!
//! As with quotas, the total of an account only grows, so a mark is written once and nothing has to be reset. An
//! account without sessions transfers nothing, and a new session writes the missing marks together with its own rows,
//! before its first byte. When the sweep sets a mark, every live session therefore either started before the day did,
//! or started with the mark set. Bytes between midnight and that sweep count for the previous day.

use super::batches::Batches;
use super::calendar::spans;
use super::usage::Usage;
use crate::error;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tornado_contracts::session::{SessionError, UserUsage};
use tornado_shared::api::LaneBytes;
use tornado_shared::model::{Transfer, UnixSeconds, UserId};
use tornado_store::StoreError;
use tornado_store::sessions::{Mark, SqlSessions};

/// Marks of the current day and month.
pub(crate) struct Marks {
    store: SqlSessions,
    usage: Arc<Usage>,
    /// Day and month of the marks known to be set, for accounts with live sessions.
    known: Mutex<HashMap<UserId, [i64; 2]>>,
}

impl Marks {
    pub fn new(store: SqlSessions, usage: Arc<Usage>) -> Self {
        Self { store, usage, known: Mutex::default() }
    }

    /// Sets missing marks of this day and month for these accounts, which are all that have live sessions.
    pub async fn set_missing(&self, live: HashSet<UserId>, now: UnixSeconds) {
        self.known.lock().retain(|user, _| live.contains(user));
        let due: Vec<_> = live.into_iter().filter(|user| !self.are_set(*user, now)).collect();
        let mut batches = Batches::of(&due);
        while let Some(batch) = batches.next() {
            if let Err(error) = self.put(batch, now).await {
                tracing::warn!(%error, accounts = batch.len(), "cannot set marks for a new day or month");
                if !batches.retry_or_stop(batch, &error) {
                    return;
                }
            }
        }
    }

    /// Missing marks of the account, which a new session must write.
    pub async fn due(&self, user: UserId, now: UnixSeconds) -> Result<Vec<Mark>, SessionError> {
        if self.are_set(user, now) {
            return Ok(Vec::new());
        }
        Ok(marks_at(now, &self.usage.usage(user).await?).into())
    }

    /// Marks of the account, after missing ones were set.
    pub async fn current(&self, user: UserId, now: UnixSeconds) -> Result<Vec<Mark>, SessionError> {
        if !self.are_set(user, now) {
            self.put(&[user], now).await.map_err(error::store)?;
        }
        self.store.marks(user).await.map_err(error::store)
    }

    /// Records that the marks were written.
    pub fn record_set(&self, users: &[UserId], now: UnixSeconds) {
        self.known.lock().extend(users.iter().map(|user| (*user, numbers(now))));
    }

    fn are_set(&self, user: UserId, now: UnixSeconds) -> bool {
        self.known.lock().get(&user).is_some_and(|known| *known >= numbers(now))
    }

    async fn put(&self, users: &[UserId], now: UnixSeconds) -> Result<(), StoreError> {
        let usage = self.usage.of_users(users).await?;
        let marks = usage.iter().flat_map(|(user, usage)| marks_at(now, usage).map(|mark| (*user, mark)));
        self.store.put_marks(&marks.collect::<Vec<_>>()).await?;
        self.record_set(users, now);
        Ok(())
    }
}

fn numbers(now: UnixSeconds) -> [i64; 2] {
    spans(now).map(|(_, number, _)| number)
}

/// The marks at `now` for an account with these totals.
fn marks_at(now: UnixSeconds, usage: &UserUsage) -> [Mark; 2] {
    let (direct, tor) = (usage.direct_transfer, usage.tor_transfer);
    spans(now).map(|(span, number, _)| Mark { span, number, direct, tor })
}

/// Bytes since a mark; zero if the total is smaller.
pub(super) const fn since(mark: &Mark, total: LaneBytes) -> LaneBytes {
    const fn part(now: Transfer, then: Transfer) -> Transfer {
        Transfer {
            rx_bytes: now.rx_bytes.saturating_sub(then.rx_bytes),
            tx_bytes: now.tx_bytes.saturating_sub(then.tx_bytes),
        }
    }
    LaneBytes { direct: part(total.direct, mark.direct), tor: part(total.tor, mark.tor) }
}
