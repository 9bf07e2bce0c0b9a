//! Accounting: usage of accounts, marks at the start of days and months, quotas.

mod batches;
mod calendar;
mod marks;
mod quota;
mod usage;

pub(crate) use batches::Batches;
pub(crate) use usage::check_limit;

use crate::error;
use crate::registry::Registry;
use calendar::DAY;
use marks::Marks;
use quota::Quotas;
use std::sync::Arc;
use tornado_contracts::operator::sessions::DayUsage;
use tornado_contracts::session::SessionError;
use tornado_rpc::Fault;
use tornado_shared::api::{LaneBytes, OwnUsage};
use tornado_shared::model::{UnixSeconds, UserId};
use tornado_store::sessions::{Span, SqlSessions};
use usage::Usage;

/// Days for which usage can be read.
const MAX_DAYS: u32 = 366;

pub(crate) struct Accounting {
    store: SqlSessions,
    pub usage: Arc<Usage>,
    pub marks: Marks,
    pub quotas: Quotas,
}

impl Accounting {
    pub fn new(store: &SqlSessions, registry: Arc<Registry>) -> Self {
        let usage = Arc::new(Usage::new(store.clone(), registry));
        Self {
            store: store.clone(),
            marks: Marks::new(store.clone(), usage.clone()),
            quotas: Quotas::new(store.clone(), usage.clone()),
            usage,
        }
    }

    /// Usage of an account in total, today and this month, and its quota if it has one.
    pub async fn own_usage(
        &self,
        user: UserId,
        month_quota: Option<u64>,
        now: UnixSeconds,
    ) -> Result<OwnUsage, SessionError> {
        let marks = self.marks.current(user, now).await?;
        let usage = self.usage.usage(user).await?;
        let total = LaneBytes { direct: usage.direct_transfer, tor: usage.tor_transfer };
        let since = |span| {
            let mark = marks.iter().find(|mark| mark.span == span);
            mark.map_or(LaneBytes::default(), |mark| marks::since(mark, total))
        };
        let quota = match month_quota {
            Some(bytes) => Some(self.quotas.view(user, bytes, total.sum(), now).await?),
            None => None,
        };
        Ok(OwnUsage { sessions: usage.sessions, total, today: since(Span::Day), month: since(Span::Month), quota })
    }

    /// Transfer of an account on the last `days` days, the latest first. Days without transfer are left out, except
    /// today.
    pub async fn days(&self, user: UserId, days: u32, now: UnixSeconds) -> Result<Vec<DayUsage>, SessionError> {
        if !(1..=MAX_DAYS).contains(&days) {
            return Err(Fault::Malformed(format!("days must be 1 to {MAX_DAYS}")).into());
        }
        // First: it writes the latest of the days that have ended.
        let today = self.own_usage(user, None, now).await?.today;
        let number = now.div_euclid(DAY);
        let past =
            self.store.usage_days(user, number.saturating_sub(i64::from(days) - 1)).await.map_err(error::store)?;
        let past = past.into_iter().filter(|past| past.day < number).map(|past| DayUsage {
            day: past.day.saturating_mul(DAY),
            usage: LaneBytes { direct: past.direct, tor: past.tor },
        });
        Ok(std::iter::once(DayUsage { day: number.saturating_mul(DAY), usage: today }).chain(past).collect())
    }
}
