//! Quotas: how much an account may move in a calendar month.
//!
//! An account's bytes since it was made only grow, whatever the interfaces' counters do; what it moved in a month is the
//! difference to what it had moved when the month began. So nothing is counted twice, and nothing is reset.

use crate::calendar::month_of;
use crate::entry::Entry;
use crate::fault;
use crate::parts::Parts;
use crate::service::Service;
use std::sync::Arc;
use tornado_mesh::auth::Grant;
use tornado_mesh::session::{SessionError, UserUsage};
use tornado_shared::model::{CloseReason, UnixSeconds, UserId};
use tornado_store::StoreError;
use tornado_store::sessions::{AfterClose, Allowance};

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
        // Asked for each time, as other gateways write it too.
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

    /// Ends the sessions of accounts that used up their quota; notes the beginning of months.
    pub(crate) async fn heed_allowances(&self) {
        let sessions = self.registry.by_user();
        let users: Vec<UserId> = sessions.keys().copied().collect();
        let mut parts = Parts::of(&users);
        while let Some(part) = parts.next() {
            let exceeded = match self.exceeded(part).await {
                Ok(exceeded) => exceeded,
                Err(error) => {
                    tracing::warn!(%error, accounts = part.len(), "quotas could not be compared");
                    if parts.go_on(part, &error) {
                        continue;
                    }
                    return;
                }
            };
            for user in exceeded {
                for entry in sessions.get(&user).map_or(&[][..], Vec::as_slice) {
                    self.end_exceeded(entry).await;
                }
            }
        }
    }

    async fn end_exceeded(&self, entry: &Arc<Entry>) {
        let _guard = self.locks.lock(entry.device_id).await;
        let known = self.registry.of_device(entry.device_id);
        if known.is_some_and(|known| known.session_id == entry.session_id) {
            // Fails only when the store does: then the sweep ends what is known as closed here.
            drop(self.close(entry, CloseReason::QuotaExceeded, AfterClose::Quarantine).await);
        }
    }

    /// Who of these used it up, as the store has their quotas now: another gateway may have raised one.
    async fn exceeded(&self, users: &[UserId]) -> Result<Vec<UserId>, StoreError> {
        let allowances = self.store.allowances(users).await?;
        let limited: Vec<UserId> = allowances.keys().copied().collect();
        let (now, moved) = (self.now(), self.moved_by(&limited).await?);
        let (mut exceeded, mut bases) = (Vec::new(), Vec::new());
        for (user, allowance) in allowances {
            let total = moved.get(&user).map_or(0, UserUsage::sum);
            match standing(allowance, total, now) {
                Standing::Within => {}
                Standing::Exceeded => exceeded.push(user),
                Standing::NewMonth(new) => bases.push((user, new.base)),
            }
        }
        if !bases.is_empty() {
            self.store.begin_month(month_of(now).0, &bases).await?;
        }
        Ok(exceeded)
    }

    /// Bytes of this month that count against a quota. Its first connect after it got one begins to count.
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
