//! What accounts moved today and this month: the difference to a mark that was set when the day or the month began.
//!
//! As with quotas, what an account moved since it was made only grows, so a mark is written once and nothing is reset.
//! Who has no session moves nothing; so a mark may be set late, as long as what the sessions of the new day moved until
//! then is left out of it.

use crate::allowance::{first_of, month_of};
use crate::entry::Entry;
use crate::fault;
use crate::service::Service;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use tornado_mesh::auth::AccessToken;
use tornado_mesh::session::{HistoryRow, OwnHistory, SessionError};
use tornado_shared::api::{LaneBytes, OwnUsage, QuotaView};
use tornado_shared::model::{SessionState, Transfer, UnixSeconds, UserId};
use tornado_store::sessions::{Mark, Span};

/// Accounts whose marks are set in one sweep: at midnight everybody's are due.
const AT_ONCE: usize = 256;

/// Day and month of the marks that are known to be set, of accounts with live sessions.
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

/// Number and first second of the day and of the month of an instant, in UTC.
fn spans(now: UnixSeconds) -> [(Span, i64, UnixSeconds); 2] {
    let (day, (month, _)) = (now.div_euclid(86_400), month_of(now));
    [(Span::Day, day, day * 86_400), (Span::Month, month, first_of(month))]
}

fn numbers(now: UnixSeconds) -> [i64; 2] {
    spans(now).map(|(_, number, _)| number)
}

/// What was moved after a mark. Sums that shrank are nothing.
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
    /// Sets the marks of accounts with live sessions that have none of this day and month yet; a bounded part of them.
    pub(crate) async fn set_marks(&self) {
        let now = self.now();
        let live: HashSet<UserId> = self.registry.all().iter().map(|entry| entry.user_id).collect();
        self.marks.keep(&live);
        let due: Vec<_> = live.into_iter().filter(|user| !self.marks.is_set(*user, numbers(now))).collect();
        if let Err(error) = self.mark(due.get(..AT_ONCE).unwrap_or(&due), now).await {
            tracing::warn!(%error, "the beginning of a day was not noted; trying again at the next sweep");
        }
    }

    async fn mark(&self, users: &[UserId], now: UnixSeconds) -> Result<(), SessionError> {
        if users.is_empty() {
            return Ok(());
        }
        let mut of_users: HashMap<UserId, Vec<Arc<Entry>>> = users.iter().map(|user| (*user, Vec::new())).collect();
        for entry in self.registry.all() {
            if let Some(entries) = of_users.get_mut(&entry.user_id) {
                entries.push(entry);
            }
        }
        let mut marks = Vec::with_capacity(users.len() * 2);
        for (user, entries) in of_users {
            marks.extend(self.marks_from(user, &entries, now).await?.map(|mark| (user, mark)));
        }
        self.store.put_marks(&marks).await.map_err(|error| fault::store(&error))?;
        self.marks.learn(users, numbers(now));
        Ok(())
    }

    /// What an account had moved when day and month began: sessions that ended, and what older ones moved until now.
    async fn marks_from(
        &self,
        user: UserId,
        entries: &[Arc<Entry>],
        now: UnixSeconds,
    ) -> Result<[Mark; 2], SessionError> {
        // A session that ends now would be counted twice, or never.
        let mut guards = Vec::with_capacity(entries.len());
        for entry in entries {
            guards.push(self.locks.lock(entry.device_id).await);
        }
        let ended = self.store.usage(user).await.map_err(|error| fault::store(&error))?;
        let mut bases = spans(now).map(|(span, number, _)| Mark { span, number, direct: ended.direct, tor: ended.tor });
        for entry in entries.iter().filter(|entry| entry.state() != SessionState::Closed) {
            let (direct, tor) = entry.moved();
            let started_at = entry.cell().machine.signs().started_at;
            for (mark, (_, _, first)) in bases.iter_mut().zip(spans(now)) {
                if started_at < first {
                    (mark.direct, mark.tor) = (mark.direct.plus(direct), mark.tor.plus(tor));
                }
            }
        }
        drop(guards);
        Ok(bases)
    }

    /// What the token's account moved, and its quota.
    pub async fn own_usage(&self, token: AccessToken) -> Result<OwnUsage, SessionError> {
        let profile = self.auth.whoami(token).await.map_err(fault::auth)?;
        let (user, now) = (profile.user.id, self.now());
        if !self.marks.is_set(user, numbers(now)) {
            self.mark(&[user], now).await?;
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

    /// A page of the connections of the token's account.
    pub async fn own_history(&self, input: OwnHistory) -> Result<Vec<HistoryRow>, SessionError> {
        self.check_limit(input.limit)?;
        let token = AccessToken { access_token: input.access_token };
        let user = self.auth.whoami(token).await.map_err(fault::auth)?.user.id;
        let rows = self.store.history_page(user, input.before, input.limit).await;
        Ok(rows.map_err(|error| fault::store(&error))?.into_iter().map(|row| self.up_to_now(row)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_begin_in_utc() {
        // 1 March 2024, 00:00:00.
        const MARCH: i64 = 1_709_251_200;
        let [day, month] = spans(MARCH);
        assert_eq!((day, month), ((Span::Day, MARCH / 86_400, MARCH), (Span::Month, 2024 * 12 + 2, MARCH)));
        let [day, month] = spans(MARCH - 1);
        assert_eq!((day.1, day.2), (MARCH / 86_400 - 1, MARCH - 86_400));
        assert_eq!((month.1, month.2), (2024 * 12 + 1, MARCH - 29 * 86_400));
    }
}
