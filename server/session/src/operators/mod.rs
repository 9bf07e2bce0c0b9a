//! The methods for operators; each checks the operator's right and calls the method of the service.

mod page;
mod recent;

#[cfg(test)]
pub(crate) use page::page;
pub(crate) use recent::Recent;

use crate::accounting::check_limit;
use crate::service::Service;
use async_trait::async_trait;
use axum::Router;
use std::sync::Arc;
use tornado_contracts::auth::Acting;
use tornado_contracts::operator::OperatorError;
use tornado_contracts::operator::sessions::{
    self, CloseSession, DayUsage, EventPage, EventsAfter, HistoryPageQuery, LivePage, LivePageQuery, OperatorSessions,
    UserDaysQuery, UserUsageQuery,
};
use tornado_contracts::session::{CloseDevice, Closed, HistoryRow, Sessions as _};
use tornado_rpc::Fault;
use tornado_runtime::operators::{Action, OperatorRights};
use tornado_shared::api::OwnUsage;
use tornado_shared::model::CloseReason;

/// The implementation of the contract.
struct Desk {
    service: Arc<Service>,
    recent: Arc<Recent>,
    rights: OperatorRights,
}

/// Router of the contract's methods.
pub(crate) fn router(service: &Arc<Service>, recent: Arc<Recent>, rights: OperatorRights) -> Router {
    sessions::router(Arc::new(Desk { service: service.clone(), recent, rights }))
}

#[async_trait]
impl OperatorSessions for Desk {
    async fn live_sessions(&self, input: Acting<LivePageQuery>) -> Result<LivePage, OperatorError> {
        let query = self.rights.check(input, "sessions.read").await?;
        let limit = usize::try_from(query.limit).ok().filter(|limit| (1..=1000).contains(limit));
        let limit = limit.ok_or_else(|| Fault::Malformed("limit must be 1 to 1000".into()))?;
        let core = &self.service.core;
        Ok(page::page(core.registry.all(), &query, limit, core.now()))
    }

    async fn session_history(&self, input: Acting<HistoryPageQuery>) -> Result<Vec<HistoryRow>, OperatorError> {
        let HistoryPageQuery { user_id, before, limit } = self.rights.check(input, "sessions.read").await?;
        let rows = match check_limit(limit) {
            Ok(()) => self.service.core.accounting.usage.history_page(user_id, before, limit).await,
            Err(error) => Err(error),
        };
        rows.map_err(|error| OperatorError::refused(&error))
    }

    async fn user_usage(&self, input: Acting<UserUsageQuery>) -> Result<OwnUsage, OperatorError> {
        let UserUsageQuery { user_id, month_quota } = self.rights.check(input, "users.read").await?;
        let core = &self.service.core;
        let usage = core.accounting.own_usage(user_id, month_quota, core.now()).await;
        usage.map_err(|error| OperatorError::refused(&error))
    }

    async fn user_days(&self, input: Acting<UserDaysQuery>) -> Result<Vec<DayUsage>, OperatorError> {
        let UserDaysQuery { user_id, days } = self.rights.check(input, "users.read").await?;
        let core = &self.service.core;
        let usage = core.accounting.days(user_id, days, core.now()).await;
        usage.map_err(|error| OperatorError::refused(&error))
    }

    async fn next_events(&self, input: Acting<EventsAfter>) -> Result<EventPage, OperatorError> {
        let query = self.rights.check(input, "sessions.read").await?;
        Ok(self.recent.next(query.after).await)
    }

    async fn close_session(&self, input: Acting<CloseSession>) -> Result<Closed, OperatorError> {
        let action = |what: &CloseSession| Action::new("session.close", format!("device:{}", what.device_id));
        let close = |what: CloseSession| {
            self.service.close_device(CloseDevice { device_id: what.device_id, reason: CloseReason::Revoked })
        };
        self.rights.act(input, "sessions.close", action, close).await
    }
}
