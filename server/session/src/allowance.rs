//! Quotas: bytes that an account may transfer in a calendar month.
//!
//! The total of an account only grows, even if counters of the interfaces are reset. The usage of a month is the
//! difference to the total at the start of the month, so nothing is counted twice and nothing has to be reset.

use crate::calendar::month_of;
use crate::entry::Entry;
use crate::fault;
use crate::parts::Parts;
use crate::service::Service;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tornado_contracts::auth::Grant;
use tornado_contracts::session::{EventKind, SessionError, UserUsage};
use tornado_shared::api::QuotaView;
use tornado_shared::model::{CloseReason, UnixSeconds, UserId};
use tornado_store::StoreError;
use tornado_store::sessions::{AfterClose, Allowance};

/// State of a quota at a point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The month has changed; the new base must be stored.
    NewMonth(Allowance),
    /// Bytes are left.
    Within,
    /// No bytes are left.
    Exceeded,
}

fn standing(allowance: Allowance, total: u64, now: UnixSeconds) -> Standing {
    let month = month_of(now).0;
    // A clock that was set back does not start an earlier month again.
    if month > allowance.month {
        return Standing::NewMonth(Allowance { month, base: total, ..allowance });
    }
    if total.saturating_sub(allowance.base) >= allowance.quota { Standing::Exceeded } else { Standing::Within }
}

/// Last warning per account: month, quota, and whether the quota was used up. Kept in memory only, so a restart repeats
/// a warning.
#[derive(Debug, Default)]
pub(crate) struct Warned(Mutex<HashMap<UserId, (UnixSeconds, u64, bool)>>);

impl Warned {
    /// True for the first time that little is left and for the first time that nothing is left, per month and quota.
    fn is_news(&self, user: UserId, quota: QuotaView) -> bool {
        let mut warned = self.known();
        if !quota.is_nearly_used() {
            warned.remove(&user);
            return false;
        }
        let now = (quota.renews_at, quota.bytes, quota.left == 0);
        warned.insert(user, now) != Some(now)
    }

    /// Removes accounts without live sessions.
    fn keep(&self, is_live: impl Fn(&UserId) -> bool) {
        self.known().retain(|user, _| is_live(user));
    }

    fn known(&self) -> MutexGuard<'_, HashMap<UserId, (UnixSeconds, u64, bool)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    /// Stores the quota of a grant. Fails if the quota is used up.
    pub(crate) async fn check_allowance(&self, grant: &Grant) -> Result<(), SessionError> {
        let user = grant.user_id;
        // Read every time, because other gateways write it, too.
        let known = self.store.allowance(user).await.map_err(|error| fault::store(&error))?;
        let Some(quota) = grant.month_quota else {
            if known.is_some() {
                self.store.put_allowance(user, None).await.map_err(|error| fault::store(&error))?;
            }
            return Ok(());
        };
        let (now, total) = (self.now(), self.usage(user).await?.sum());
        let (month, renews_at) = month_of(now);
        let mut stands = known.filter(|known| known.quota == quota && known.month >= month);
        if stands.is_none() {
            let new = Allowance { month, base: total, quota };
            stands = self.store.put_allowance(user, Some(new)).await.map_err(|error| fault::store(&error))?;
        }
        match stands.map(|allowance| standing(allowance, total, now)) {
            Some(Standing::Exceeded) => {
                let renews_in = u64::try_from(renews_at.saturating_sub(now)).unwrap_or_default();
                Err(SessionError::QuotaExceeded { quota, renews_in })
            }
            Some(Standing::Within | Standing::NewMonth(_)) | None => Ok(()),
        }
    }

    /// Warns the devices of accounts with little quota left, closes the sessions of accounts that have used up theirs,
    /// and stores the bases of new months.
    pub(crate) async fn heed_allowances(&self) {
        let sessions = self.registry.by_user();
        let users: Vec<UserId> = sessions.keys().copied().collect();
        let mut parts = Parts::of(&users);
        while let Some(part) = parts.next() {
            let standings = match self.standings(part).await {
                Ok(standings) => standings,
                Err(error) => {
                    tracing::warn!(%error, accounts = part.len(), "cannot check quotas");
                    if parts.go_on(part, &error) {
                        continue;
                    }
                    return;
                }
            };
            for (user, quota) in standings {
                let entries = sessions.get(&user).map_or(&[][..], Vec::as_slice);
                if self.warned.is_news(user, quota) {
                    for entry in entries {
                        self.publish_kind(entry, EventKind::Quota(quota), self.now()).await;
                    }
                }
                if quota.left == 0 {
                    for entry in entries {
                        self.end_exceeded(entry).await;
                    }
                }
            }
        }
        self.warned.keep(|user| sessions.contains_key(user));
    }

    async fn end_exceeded(&self, entry: &Arc<Entry>) {
        let _guard = self.locks.lock(entry.device_id).await;
        let known = self.registry.of_device(entry.device_id);
        if known.is_some_and(|known| known.session_id == entry.session_id) {
            // Fails only if the store fails. The entry is then closed in memory, and the sweep retries.
            drop(self.close(entry, CloseReason::QuotaExceeded, AfterClose::Quarantine).await);
        }
    }

    /// Quotas of those accounts that have one. Read from the store, because another gateway may have changed a quota.
    async fn standings(&self, users: &[UserId]) -> Result<Vec<(UserId, QuotaView)>, StoreError> {
        let allowances = self.store.allowances(users).await?;
        let limited: Vec<UserId> = allowances.keys().copied().collect();
        let (now, moved) = (self.now(), self.moved_by(&limited).await?);
        let (month, renews_at) = month_of(now);
        let (mut standings, mut bases) = (Vec::new(), Vec::new());
        for (user, allowance) in allowances {
            let total = moved.get(&user).map_or(0, UserUsage::sum);
            match standing(allowance, total, now) {
                Standing::Within | Standing::Exceeded => {
                    let used = total.saturating_sub(allowance.base);
                    standings.push((user, QuotaView::new(allowance.quota, used, renews_at)));
                }
                Standing::NewMonth(new) => bases.push((user, new.base)),
            }
        }
        if !bases.is_empty() {
            self.store.begin_month(month, &bases).await?;
        }
        Ok(standings)
    }

    /// Bytes of this month that count against the quota. Counting starts at the first connect with the quota.
    pub(crate) async fn used_of_quota(&self, user: UserId, total: u64, now: UnixSeconds) -> Result<u64, SessionError> {
        let allowance = self.store.allowance(user).await.map_err(|error| fault::store(&error))?;
        let of_now = allowance.filter(|allowance| allowance.month >= month_of(now).0);
        Ok(of_now.map_or(0, |allowance| total.saturating_sub(allowance.base)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_warning_is_given_once() {
        let (warned, user) = (Warned::default(), UserId::random());
        let at = |used, renews_at| warned.is_news(user, QuotaView::new(100, used, renews_at));
        assert_eq!([at(79, 5), at(80, 5), at(95, 5), at(100, 5), at(120, 5)], [false, true, false, true, false]);
        assert!(at(85, 9), "another month");
        assert!(warned.is_news(user, QuotaView::new(105, 85, 9)), "another quota");
        assert!(!warned.is_news(user, QuotaView::new(900, 85, 9)) && at(85, 9), "raised, then lowered again");
        warned.keep(|_| false);
        assert!(at(85, 9));
    }

    #[test]
    fn a_quota_is_of_its_month() {
        let (month, next) = month_of(1_700_000_000);
        let allowance = Allowance { month, base: 500, quota: 100 };
        let at = |total, now| standing(allowance, total, now);
        assert_eq!(at(500, next - 1), Standing::Within);
        assert_eq!(at(599, next - 1), Standing::Within);
        assert_eq!(at(600, next - 1), Standing::Exceeded);
        assert_eq!(at(600, next), Standing::NewMonth(Allowance { month: month + 1, base: 600, quota: 100 }));
        assert_eq!(at(600, 0), Standing::Exceeded, "a clock that was set back does not free bytes");
        assert_eq!(at(10, next - 1), Standing::Within, "a smaller total counts as no usage");
    }
}
