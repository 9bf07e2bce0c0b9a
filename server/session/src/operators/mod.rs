//! The methods for operators; each checks the operator's right and calls the method of the service.

mod recent;

pub(crate) use recent::Recent;

use crate::service::Service;
use async_trait::async_trait;
use axum::Router;
use std::sync::Arc;
use tornado_contracts::auth::Acting;
use tornado_contracts::operator::OperatorError;
use tornado_contracts::operator::sessions::{
    self, CloseSession, DayUsage, EventPage, EventsAfter, OperatorSessions, UserDaysQuery, UserUsageQuery,
};
use tornado_contracts::session::{
    CloseDevice, Closed, HistoryQuery, HistoryRow, LiveQuery, LiveSession, Sessions as _,
};
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
    async fn live_sessions(&self, input: Acting<LiveQuery>) -> Result<Vec<LiveSession>, OperatorError> {
        let query = self.rights.check(input, "sessions.read").await?;
        self.service.live(query).await.map_err(|error| OperatorError::refused(&error))
    }

    async fn session_history(&self, input: Acting<HistoryQuery>) -> Result<Vec<HistoryRow>, OperatorError> {
        let query = self.rights.check(input, "sessions.read").await?;
        self.service.history(query).await.map_err(|error| OperatorError::refused(&error))
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
