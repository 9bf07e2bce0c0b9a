//! The methods of the contract; each calls one use case.

use crate::accounting::check_limit;
use crate::error;
use crate::lifecycle::{close, connect, heartbeat};
use crate::service::Service;
use crate::tor::{circuits, tor_view};
use async_trait::async_trait;
use axum::Router;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio_util::sync::CancellationToken;
use tornado_contracts::auth::AccessToken;
use tornado_contracts::session::{
    self, ChooseExit, CloseDevice, Closed, Connect, Connected, HeartbeatReply, HistoryQuery, HistoryRow, LiveQuery,
    LiveSession, OwnHistory, PoolStatus, RenewIdentity, SessionError, Sessions, SessionsStatus, UsageQuery, UserUsage,
};
use tornado_rpc::{Done, NoInput};
use tornado_shared::api::{OwnUsage, TorView};
use tornado_shared::model::SessionState;

/// Router of the contract's methods and its event stream.
pub(crate) fn router(service: &Arc<Service>, shutdown: CancellationToken) -> Router {
    let router = session::router(service.clone());
    let service = service.clone();
    let subscribe = move || {
        let (service, shutdown) = (service.clone(), shutdown.clone());
        async move { service.core.live.subscribe(shutdown).await }
    };
    router.merge(session::EVENTS.router(subscribe))
}

#[async_trait]
impl Sessions for Service {
    async fn connect(&self, input: Connect) -> Result<Connected, SessionError> {
        let connected = connect::connect(&self.core, input).await;
        self.core.counters.connects.count_result(&connected);
        connected
    }

    async fn heartbeat(&self, input: AccessToken) -> Result<HeartbeatReply, SessionError> {
        let reply = heartbeat::heartbeat(&self.core, input).await;
        self.core.counters.heartbeats.count_result(&reply);
        reply
    }

    async fn disconnect(&self, input: AccessToken) -> Result<Closed, SessionError> {
        close::disconnect(&self.core, input).await
    }

    async fn mine(&self, input: AccessToken) -> Result<Option<LiveSession>, SessionError> {
        let claims = self.core.access.verify(&input).await?;
        let view = self.core.access.session_of(&claims).map(|entry| entry.view(self.core.now()));
        Ok(view.map(|view| LiveSession { endpoint: None, ..view }))
    }

    async fn new_identity(&self, input: AccessToken) -> Result<Done, SessionError> {
        circuits::new_identity(&self.core, input).await
    }

    async fn tor_view(&self, input: AccessToken) -> Result<TorView, SessionError> {
        tor_view(&self.core, input).await
    }

    async fn choose_exit(&self, input: ChooseExit) -> Result<Done, SessionError> {
        circuits::choose_exit(&self.core, input).await
    }

    async fn renew_identity(&self, input: RenewIdentity) -> Result<Done, SessionError> {
        circuits::renew_identity(&self.core, input.device_id, |_| true).await
    }

    async fn close_device(&self, input: CloseDevice) -> Result<Closed, SessionError> {
        close::close_device(&self.core, input.device_id, input.reason).await
    }

    async fn live(&self, input: LiveQuery) -> Result<Vec<LiveSession>, SessionError> {
        let entries = self.core.registry.all();
        let selected = entries.iter().filter(|entry| input.user_id.is_none_or(|user| entry.user_id == user));
        let now = self.core.now();
        Ok(selected.map(|entry| entry.view(now)).filter(|view| view.state != SessionState::Closed).collect())
    }

    async fn history(&self, input: HistoryQuery) -> Result<Vec<HistoryRow>, SessionError> {
        self.core.accounting.usage.history(input.user_id, input.limit).await
    }

    async fn usage(&self, input: UsageQuery) -> Result<UserUsage, SessionError> {
        self.core.accounting.usage.usage(input.user_id).await
    }

    async fn own_usage(&self, input: AccessToken) -> Result<OwnUsage, SessionError> {
        let profile = self.core.access.whoami(input).await?;
        self.core.accounting.own_usage(profile.user.id, profile.month_quota, self.core.now()).await
    }

    async fn own_history(&self, input: OwnHistory) -> Result<Vec<HistoryRow>, SessionError> {
        let OwnHistory { access_token, before, limit } = input;
        check_limit(limit)?;
        let user = self.core.access.whoami(AccessToken { access_token }).await?.user.id;
        self.core.accounting.usage.history_page(Some(user), before, limit).await
    }

    async fn status(&self, _: NoInput) -> Result<SessionsStatus, SessionError> {
        let states: Vec<_> = self.core.registry.all().iter().map(|entry| entry.state()).collect();
        let number =
            |of: SessionState| u32::try_from(states.iter().filter(|state| **state == of).count()).unwrap_or(u32::MAX);
        let counters = &self.core.counters;
        Ok(SessionsStatus {
            since: counters.since,
            online: number(SessionState::Online),
            offline: number(SessionState::Offline),
            repairs: *counters.repairs.lock(),
            forgotten: counters.forgotten.load(Ordering::Relaxed),
        })
    }

    async fn pool(&self, _: NoInput) -> Result<PoolStatus, SessionError> {
        let (core, config) = (&self.core, &self.core.config);
        let rested_before = core.now().saturating_sub(config.quarantine.into());
        let count = core.store.pool(&config.node_id, rested_before).await.map_err(error::store)?;
        let (first, last) = core.slots();
        Ok(PoolStatus { leased: count.leased, quarantined: count.resting, total: last.0 - first.0 + 1 })
    }
}
