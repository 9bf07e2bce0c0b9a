//! Quotas: bytes that an account may transfer in a calendar month.
//!
//! The total of an account only grows, even if counters of the interfaces are reset. The usage of a month is the
//! difference to the total at the start of the month, so nothing is counted twice and nothing has to be reset.

use super::calendar::month_of;
use super::usage::Usage;
use crate::error;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tornado_contracts::session::{SessionError, UserUsage};
use tornado_shared::api::QuotaView;
use tornado_shared::model::{UnixSeconds, UserId};
use tornado_store::StoreError;
use tornado_store::sessions::{MonthQuota, SqlSessions};

/// State of a quota at a point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The month has changed; the new base must be stored.
    NewMonth(MonthQuota),
    /// Bytes are left.
    Within,
    /// No bytes are left.
    Exceeded,
}

fn standing(quota: MonthQuota, total: u64, now: UnixSeconds) -> Standing {
    let month = month_of(now).0;
    // A clock that was set back does not start an earlier month again.
    if month > quota.month {
        return Standing::NewMonth(MonthQuota { month, base: total, ..quota });
    }
    if total.saturating_sub(quota.base) >= quota.quota { Standing::Exceeded } else { Standing::Within }
}

/// Last warning of each account: month, quota, and whether the quota was used up. Kept in memory only, so a restart
/// repeats a warning.
#[derive(Debug, Default)]
pub(crate) struct Warnings(Mutex<HashMap<UserId, (UnixSeconds, u64, bool)>>);

impl Warnings {
    /// Records a warning. True for the first time that little is left and for the first time that nothing is left, per
    /// month and quota.
    pub fn record(&self, user: UserId, quota: QuotaView) -> bool {
        let mut warned = self.0.lock();
        if !quota.is_nearly_used() {
            warned.remove(&user);
            return false;
        }
        let warning = (quota.renews_at, quota.bytes, quota.left == 0);
        warned.insert(user, warning) != Some(warning)
    }

    /// Removes accounts without live sessions.
    pub fn retain(&self, is_live: impl Fn(&UserId) -> bool) {
        self.0.lock().retain(|user, _| is_live(user));
    }
}

/// Quotas as stored, and the warnings about them.
pub(crate) struct Quotas {
    store: SqlSessions,
    usage: Arc<Usage>,
    pub warnings: Warnings,
}

impl Quotas {
    pub fn new(store: SqlSessions, usage: Arc<Usage>) -> Self {
        Self { store, usage, warnings: Warnings::default() }
    }

    /// Stores the quota of a grant. Fails if the quota is used up.
    pub async fn check(&self, user: UserId, granted: Option<u64>, now: UnixSeconds) -> Result<(), SessionError> {
        // Read every time, because other gateways write it, too.
        let known = self.store.quota(user).await.map_err(error::store)?;
        let Some(quota) = granted else {
            if known.is_some() {
                self.store.put_quota(user, None).await.map_err(error::store)?;
            }
            return Ok(());
        };
        let total = self.usage.usage(user).await?.sum();
        let (month, renews_at) = month_of(now);
        let mut stored = known.filter(|known| known.quota == quota && known.month >= month);
        if stored.is_none() {
            let new = MonthQuota { month, base: total, quota };
            stored = self.store.put_quota(user, Some(new)).await.map_err(error::store)?;
        }
        match stored.map(|stored| standing(stored, total, now)) {
            Some(Standing::Exceeded) => {
                let renews_in = u64::try_from(renews_at.saturating_sub(now)).unwrap_or_default();
                Err(SessionError::QuotaExceeded { quota, renews_in })
            }
            Some(Standing::Within | Standing::NewMonth(_)) | None => Ok(()),
        }
    }

    /// Quotas of those accounts that have one, read from the store, because another gateway may have changed them.
    /// Stores the bases of a new month instead of returning the quotas that it concerns.
    pub async fn views(&self, users: &[UserId], now: UnixSeconds) -> Result<Vec<(UserId, QuotaView)>, StoreError> {
        let quotas = self.store.quotas(users).await?;
        let limited: Vec<UserId> = quotas.keys().copied().collect();
        let usage = self.usage.of_users(&limited).await?;
        let (month, renews_at) = month_of(now);
        let (mut views, mut bases) = (Vec::new(), Vec::new());
        for (user, quota) in quotas {
            let total = usage.get(&user).map_or(0, UserUsage::sum);
            match standing(quota, total, now) {
                Standing::Within | Standing::Exceeded => {
                    views.push((user, QuotaView::new(quota.quota, total.saturating_sub(quota.base), renews_at)));
                }
                Standing::NewMonth(new) => bases.push((user, new.base)),
            }
        }
        if !bases.is_empty() {
            self.store.begin_month(month, &bases).await?;
        }
        Ok(views)
    }

    /// The quota of an account with this total. Counting starts at the first connect with the quota.
    pub async fn view(
        &self,
        user: UserId,
        bytes: u64,
        total: u64,
        now: UnixSeconds,
    ) -> Result<QuotaView, SessionError> {
        let stored = self.store.quota(user).await.map_err(error::store)?;
        let (month, renews_at) = month_of(now);
        let used = stored.filter(|quota| quota.month >= month).map_or(0, |quota| total.saturating_sub(quota.base));
        Ok(QuotaView::new(bytes, used, renews_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_warning_is_given_once() {
        let (warnings, user) = (Warnings::default(), UserId::random());
        let at = |used, renews_at| warnings.record(user, QuotaView::new(100, used, renews_at));
        assert_eq!([at(79, 5), at(80, 5), at(95, 5), at(100, 5), at(120, 5)], [false, true, false, true, false]);
        assert!(at(85, 9), "another month");
        assert!(warnings.record(user, QuotaView::new(105, 85, 9)), "another quota");
        assert!(!warnings.record(user, QuotaView::new(900, 85, 9)) && at(85, 9), "raised, then lowered again");
        warnings.retain(|_| false);
        assert!(at(85, 9));
    }

    #[test]
    fn a_quota_applies_to_its_month() {
        let (month, next) = month_of(1_700_000_000);
        let quota = MonthQuota { month, base: 500, quota: 100 };
        let at = |total, now| standing(quota, total, now);
        assert_eq!(at(500, next - 1), Standing::Within);
        assert_eq!(at(599, next - 1), Standing::Within);
        assert_eq!(at(600, next - 1), Standing::Exceeded);
        assert_eq!(at(600, next), Standing::NewMonth(MonthQuota { month: month + 1, base: 600, quota: 100 }));
        assert_eq!(at(600, 0), Standing::Exceeded, "a clock that was set back does not free bytes");
        assert_eq!(at(10, next - 1), Standing::Within, "a smaller total counts as no usage");
    }
}
