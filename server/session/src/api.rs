//! Implementation of the `sessions` contract: each method calls one use case.

use crate::fault;
use crate::service::Service;
use async_trait::async_trait;
use std::sync::Arc;
use tornado_contracts::auth::AccessToken;
use tornado_contracts::session::{
    ChooseExit, CloseDevice, Closed, Connect, Connected, HeartbeatReply, HistoryQuery, HistoryRow, LiveQuery,
    LiveSession, OwnHistory, PoolStatus, RenewIdentity, SessionError, Sessions, SessionsStatus, UsageQuery, UserUsage,
};
use tornado_rpc::{Done, NoInput};
use tornado_shared::api::{OwnUsage, TorView};
use tornado_shared::model::SessionState;

pub(crate) struct Api(pub Arc<Service>);

#[async_trait]
impl Sessions for Api {
    async fn connect(&self, input: Connect) -> Result<Connected, SessionError> {
        self.0.connect(input).await
    }

    async fn heartbeat(&self, input: AccessToken) -> Result<HeartbeatReply, SessionError> {
        self.0.heartbeat(input).await
    }

    async fn disconnect(&self, input: AccessToken) -> Result<Closed, SessionError> {
        self.0.disconnect(input).await
    }

    async fn mine(&self, input: AccessToken) -> Result<Option<LiveSession>, SessionError> {
        self.0.mine(input).await
    }

    async fn new_identity(&self, input: AccessToken) -> Result<Done, SessionError> {
        self.0.new_identity(input).await
    }

    async fn tor(&self, input: AccessToken) -> Result<TorView, SessionError> {
        self.0.tor_view(input).await
    }

    async fn choose_exit(&self, input: ChooseExit) -> Result<Done, SessionError> {
        self.0.choose_exit(input).await
    }

    async fn renew_identity(&self, input: RenewIdentity) -> Result<Done, SessionError> {
        self.0.renew_identity(input.device_id, |_| true).await
    }

    async fn close_device(&self, input: CloseDevice) -> Result<Closed, SessionError> {
        self.0.close_of_device(input.device_id, input.reason).await
    }

    async fn live(&self, input: LiveQuery) -> Result<Vec<LiveSession>, SessionError> {
        let entries = self.0.registry.all();
        let wanted = entries.iter().filter(|entry| input.user_id.is_none_or(|user| entry.user_id == user));
        let now = self.0.now();
        Ok(wanted.map(|entry| entry.view(now)).filter(|view| view.state != SessionState::Closed).collect())
    }

    async fn history(&self, input: HistoryQuery) -> Result<Vec<HistoryRow>, SessionError> {
        self.0.check_limit(input.limit)?;
        let rows = self.0.store.history(input.user_id, input.limit).await.map_err(|error| fault::store(&error))?;
        Ok(rows.into_iter().map(|row| self.0.up_to_now(row)).collect())
    }

    async fn usage(&self, input: UsageQuery) -> Result<UserUsage, SessionError> {
        self.0.usage(input.user_id).await
    }

    async fn own_usage(&self, input: AccessToken) -> Result<OwnUsage, SessionError> {
        self.0.own_usage(input).await
    }

    async fn own_history(&self, input: OwnHistory) -> Result<Vec<HistoryRow>, SessionError> {
        self.0.own_history(input).await
    }

    async fn status(&self, _: NoInput) -> Result<SessionsStatus, SessionError> {
        Ok(self.0.at_a_glance())
    }

    async fn pool(&self, _: NoInput) -> Result<PoolStatus, SessionError> {
        let config = &self.0.config;
        let rested_before = self.0.now().saturating_sub(config.quarantine.into());
        let count = self.0.store.pool(&config.node_id, rested_before).await.map_err(|error| fault::store(&error))?;
        let (first, last) = config.slots();
        Ok(PoolStatus { leased: count.leased, quarantined: count.resting, total: last.0 - first.0 + 1 })
    }
}
