//! Quotas: how much an account may move in a calendar month.
//!
//! An account's bytes since it was made only grow, whatever the interfaces' counters do; what it moved in a month is the
//! difference to what it had moved when the month began. So nothing is counted twice, and nothing is reset.

use crate::fault;
use crate::service::Service;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use tornado_mesh::auth::Grant;
use tornado_mesh::session::SessionError;
use tornado_shared::model::{CloseReason, UnixSeconds, UserId};
use tornado_store::sessions::{AfterClose, Allowance};

/// Quotas of accounts with live sessions, as the store has them.
#[derive(Debug, Default)]
pub(crate) struct Allowances(Mutex<HashMap<UserId, Option<Allowance>>>);

impl Allowances {
    fn known(&self, user: UserId) -> Option<Option<Allowance>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&user).copied()
    }

    fn learn(&self, user: UserId, allowance: Option<Allowance>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(user, allowance);
    }

    fn keep(&self, users: &HashSet<UserId>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|user, _| users.contains(user));
    }
}

/// Which month an instant lies in (years times twelve plus months from zero), and when the next one begins. UTC.
pub(crate) fn month_of(now: UnixSeconds) -> (i64, UnixSeconds) {
    // Days from civil and back, in eras of 400 years that begin on 1 March (proleptic Gregorian calendar).
    let days = now.div_euclid(86_400) + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    // March of year 0 of the era is month 2 of it.
    let month = (era * 400 + year) * 12 + from_march + 2;
    (month, first_of(month + 1))
}

/// The first second of a month.
pub(crate) fn first_of(month: i64) -> UnixSeconds {
    let from_march = month - 2;
    let (year, month) = (from_march.div_euclid(12), from_march.rem_euclid(12));
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day = of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5;
    (era * 146_097 + day - 719_468) * 86_400
}

/// What became of a quota at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The month is another: its base must be written.
    NewMonth(Allowance),
    /// Within.
    Within,
    /// Used up.
    Exceeded,
}

fn standing(allowance: Allowance, total: u64, now: UnixSeconds) -> Standing {
    let month = month_of(now).0;
    // A clock that was set back begins no month anew.
    if month > allowance.month {
        return Standing::NewMonth(Allowance { month, base: total, ..allowance });
    }
    if total.saturating_sub(allowance.base) >= allowance.quota { Standing::Exceeded } else { Standing::Within }
}

impl Service {
    /// Takes note of the quota in a grant, and refuses when it is used up.
    pub(crate) async fn check_allowance(&self, grant: &Grant) -> Result<(), SessionError> {
        let user = grant.user_id;
        let known = self.allowance(user).await?;
        let Some(quota) = grant.month_quota else {
            if known.is_some() {
                let gone = self.store.put_allowance(user, None).await.map_err(|error| fault::store(&error))?;
                self.allowances.learn(user, gone);
            }
            return Ok(());
        };
        let (now, total) = (self.now(), self.moved_by(user).await?);
        let (month, renews_at) = month_of(now);
        let mut stands = known.filter(|known| known.quota == quota && known.month >= month);
        if stands.is_none() {
            let new = Allowance { month, base: total, quota };
            stands = self.store.put_allowance(user, Some(new)).await.map_err(|error| fault::store(&error))?;
            self.allowances.learn(user, stands);
        }
        match stands.map(|allowance| standing(allowance, total, now)) {
            Some(Standing::Exceeded) => {
                let renews_in = u64::try_from(renews_at.saturating_sub(now)).unwrap_or_default();
                Err(SessionError::QuotaExceeded { quota, renews_in })
            }
            Some(Standing::Within | Standing::NewMonth(_)) | None => Ok(()),
        }
    }

    /// Ends the sessions of accounts that used up their quota; notes the beginning of months.
    pub(crate) async fn heed_allowances(&self) {
        let entries = self.registry.all();
        let users: HashSet<UserId> = entries.iter().map(|entry| entry.user_id).collect();
        self.allowances.keep(&users);
        for user in users {
            match self.is_surely_exceeded(user).await {
                Ok(false) => {}
                Ok(true) => {
                    for entry in entries.iter().filter(|entry| entry.user_id == user) {
                        let _guard = self.locks.lock(entry.device_id).await;
                        let known = self.registry.of_device(entry.device_id);
                        if known.is_some_and(|known| known.session_id == entry.session_id) {
                            // Fails only when the store does: then the sweep ends what is known as closed here.
                            drop(self.close(entry, CloseReason::QuotaExceeded, AfterClose::Quarantine).await);
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "quotas could not be compared; trying again at the next sweep");
                    return;
                }
            }
        }
    }

    /// Asks twice: while a session ends, its bytes are counted twice for a moment.
    async fn is_surely_exceeded(&self, user: UserId) -> Result<bool, SessionError> {
        Ok(self.is_exceeded(user).await? && self.is_exceeded(user).await?)
    }

    async fn is_exceeded(&self, user: UserId) -> Result<bool, SessionError> {
        let Some(allowance) = self.allowance(user).await? else { return Ok(false) };
        let total = self.moved_by(user).await?;
        match standing(allowance, total, self.now()) {
            Standing::Within => Ok(false),
            Standing::Exceeded => Ok(true),
            Standing::NewMonth(new) => {
                let stands = self.store.put_allowance(user, Some(new)).await.map_err(|error| fault::store(&error))?;
                self.allowances.learn(user, stands);
                Ok(false)
            }
        }
    }

    /// Bytes of this month that count against a quota. Its first connect after it got one begins to count.
    pub(crate) async fn used_of_quota(&self, user: UserId, total: u64, now: UnixSeconds) -> Result<u64, SessionError> {
        let allowance = self.allowance(user).await?;
        let of_now = allowance.filter(|allowance| allowance.month >= month_of(now).0);
        Ok(of_now.map_or(0, |allowance| total.saturating_sub(allowance.base)))
    }

    async fn allowance(&self, user: UserId) -> Result<Option<Allowance>, SessionError> {
        if let Some(known) = self.allowances.known(user) {
            return Ok(known);
        }
        let stored = self.store.allowance(user).await.map_err(|error| fault::store(&error))?;
        self.allowances.learn(user, stored);
        Ok(stored)
    }

    /// Bytes of an account since it was made, both lanes, both ways.
    async fn moved_by(&self, user: UserId) -> Result<u64, SessionError> {
        let usage = self.usage(user).await?;
        let sum = usage.direct_transfer.plus(usage.tor_transfer);
        Ok(sum.rx_bytes.saturating_add(sum.tx_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_in_utc() {
        // date -u -d 'YEAR-MONTH-01' +%s
        for (year, month, first) in [
            (1970, 1, 0),
            (2000, 2, 949_363_200),
            (2000, 3, 951_868_800),
            (2024, 3, 1_709_251_200),
            (2026, 12, 1_796_083_200),
            (2027, 1, 1_798_761_600),
            (2100, 3, 4_107_542_400),
        ] {
            let number = year * 12 + month - 1;
            assert_eq!(first_of(number), first, "{year}-{month}");
            assert_eq!(month_of(first).0, number, "{year}-{month}");
            assert_eq!(month_of(first - 1), (number - 1, first), "the second before {year}-{month}");
        }
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
        assert_eq!(at(600, 0), Standing::Exceeded, "a clock that was set back frees nobody");
        assert_eq!(at(10, next - 1), Standing::Within, "totals that shrank are no debt");
    }
}
