//! Accounting: usage of accounts, marks at the start of days and months, quotas.

mod batches;
mod calendar;
mod marks;
mod quota;
mod usage;

pub(crate) use batches::Batches;
pub(crate) use usage::check_limit;

use crate::registry::Registry;
use marks::Marks;
use quota::Quotas;
use std::sync::Arc;
use tornado_contracts::session::SessionError;
use tornado_shared::api::{LaneBytes, OwnUsage};
use tornado_shared::model::{UnixSeconds, UserId};
use tornado_store::sessions::{Span, SqlSessions};
use usage::Usage;

pub(crate) struct Accounting {
    pub usage: Arc<Usage>,
    pub marks: Marks,
    pub quotas: Quotas,
}

impl Accounting {
    pub fn new(store: &SqlSessions, registry: Arc<Registry>) -> Self {
        let usage = Arc::new(Usage::new(store.clone(), registry));
        Self {
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
}
