//! Usage of accounts today and this month: the difference to a mark that is set when the day or month starts.
//!
//! As with quotas, the total of an account only grows, so a mark is written once and nothing has to be reset. An
//! account without sessions transfers nothing, and a new session writes the missing marks together with its own rows,
//! before its first byte. When the sweep sets a mark, every live session therefore either started before the day did,
//! or started with the mark set. Bytes between midnight and that sweep count for the previous day.

use crate::calendar::{month_of, spans};
use crate::fault;
use crate::parts::Parts;
use crate::service::Service;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use tornado_contracts::auth::AccessToken;
use tornado_contracts::session::{HistoryRow, OwnHistory, SessionError, UserUsage};
use tornado_shared::api::{LaneBytes, OwnUsage, QuotaView};
use tornado_shared::model::{Transfer, UnixSeconds, UserId};
use tornado_store::StoreError;
use tornado_store::sessions::{Mark, Span};

/// Day and month of the marks known to be set, for accounts with live sessions.
#[derive(Debug, Default)]
pub(crate) struct Marks(Mutex<HashMap<UserId, [i64; 2]>>);

impl Marks {
    fn is_set(&self, user: UserId, numbers: [i64; 2]) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&user).copied();
        known.is_some_and(|known| known >= numbers)
    }

    fn learn(&self, users: &[UserId], numbers: [i64; 2]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(users.iter().map(|user| (*user, numbers)));
    }

    fn keep(&self, users: &HashSet<UserId>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|user, _| users.contains(user));
    }
}

fn numbers(now: UnixSeconds) -> [i64; 2] {
    spans(now).map(|(_, number, _)| number)
}

/// The marks at `now` for an account with these totals.
fn marks_at(now: UnixSeconds, moved: &UserUsage) -> [Mark; 2] {
    let (direct, tor) = (moved.direct_transfer, moved.tor_transfer);
    spans(now).map(|(span, number, _)| Mark { span, number, direct, tor })
}

/// Bytes since a mark; zero if the total is smaller.
const fn after(mark: &Mark, total: LaneBytes) -> LaneBytes {
    const fn part(now: Transfer, then: Transfer) -> Transfer {
        Transfer {
            rx_bytes: now.rx_bytes.saturating_sub(then.rx_bytes),
            tx_bytes: now.tx_bytes.saturating_sub(then.tx_bytes),
        }
    }
    LaneBytes { direct: part(total.direct, mark.direct), tor: part(total.tor, mark.tor) }
}

impl Service {
    /// Sets missing marks of this day and month for accounts with live sessions.
    pub(crate) async fn set_marks(&self) {
        let now = self.now();
        let live = self.registry.users();
        self.marks.keep(&live);
        let due: Vec<_> = live.into_iter().filter(|user| !self.marks.is_set(*user, numbers(now))).collect();
        let mut parts = Parts::of(&due);
        while let Some(part) = parts.next() {
            if let Err(error) = self.mark(part, now).await {
                tracing::warn!(%error, accounts = part.len(), "cannot set marks for a new day or month");
                if !parts.go_on(part, &error) {
                    return;
                }
            }
        }
    }

    async fn mark(&self, users: &[UserId], now: UnixSeconds) -> Result<(), StoreError> {
        let moved = self.moved_by(users).await?;
        let marks = moved.iter().flat_map(|(user, moved)| marks_at(now, moved).map(|mark| (*user, mark)));
        self.store.put_marks(&marks.collect::<Vec<_>>()).await?;
        self.learn_marks(users, now);
        Ok(())
    }

    /// Missing marks of the account, which a new session must write.
    pub(crate) async fn due_marks(&self, user: UserId, now: UnixSeconds) -> Result<Vec<Mark>, SessionError> {
        if self.marks.is_set(user, numbers(now)) {
            return Ok(Vec::new());
        }
        Ok(marks_at(now, &self.usage(user).await?).into())
    }

    /// Records that the marks were written.
    pub(crate) fn learn_marks(&self, users: &[UserId], now: UnixSeconds) {
        self.marks.learn(users, numbers(now));
    }

    /// Usage and quota of the token's account.
    pub async fn own_usage(&self, token: AccessToken) -> Result<OwnUsage, SessionError> {
        let profile = self.auth.whoami(token).await.map_err(fault::auth)?;
        let (user, now) = (profile.user.id, self.now());
        if !self.marks.is_set(user, numbers(now)) {
            self.mark(&[user], now).await.map_err(|error| fault::store(&error))?;
        }
        let marks = self.store.marks(user).await.map_err(|error| fault::store(&error))?;
        let usage = self.usage(user).await?;
        let total = LaneBytes { direct: usage.direct_transfer, tor: usage.tor_transfer };
        let since = |span| {
            let mark = marks.iter().find(|mark| mark.span == span);
            mark.map_or(LaneBytes::default(), |mark| after(mark, total))
        };
        let quota = match profile.month_quota {
            Some(bytes) => {
                let used = self.used_of_quota(user, total.sum(), now).await?;
                Some(QuotaView::new(bytes, used, month_of(now).1))
            }
            None => None,
        };
        Ok(OwnUsage { sessions: usage.sessions, total, today: since(Span::Day), month: since(Span::Month), quota })
    }

    /// One page of the connection history of the token's account.
    pub async fn own_history(&self, input: OwnHistory) -> Result<Vec<HistoryRow>, SessionError> {
        self.check_limit(input.limit)?;
        let token = AccessToken { access_token: input.access_token };
        let user = self.auth.whoami(token).await.map_err(fault::auth)?.user.id;
        let rows = self.store.history_page(user, input.before, input.limit).await;
        Ok(rows.map_err(|error| fault::store(&error))?.into_iter().map(|row| self.up_to_now(row)).collect())
    }
}
