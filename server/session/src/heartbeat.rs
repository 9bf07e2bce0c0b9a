//! Heartbeats and what else a device asks about its own session.

use crate::entry::Entry;
use crate::service::Service;
use std::sync::Arc;
use tornado_mesh::auth::AccessToken;
use tornado_mesh::session::{Closed, HeartbeatOutcome, HeartbeatReply, LiveSession, SessionError};
use tornado_mesh::token::Claims;
use tornado_shared::model::{CloseReason, SessionState};

impl Service {
    /// A sign of life. The token says who; only the session's own state says whether it goes on.
    pub async fn heartbeat(&self, token: AccessToken) -> Result<HeartbeatReply, SessionError> {
        let claims = self.keys.verify(&token, self.now()).await?;
        let _guard = self.locks.lock(claims.device_id).await;
        let entry = self.own(&claims).ok_or(SessionError::SessionExpired)?;
        let recovered = self.sign_of_life(&entry, false).await?;
        let outcome = if recovered { HeartbeatOutcome::Reconnected } else { HeartbeatOutcome::Ok };
        Ok(HeartbeatReply { outcome })
    }

    pub async fn disconnect(&self, token: AccessToken) -> Result<Closed, SessionError> {
        let claims = self.keys.verify(&token, self.now()).await?;
        self.close_of_device(claims.device_id, CloseReason::Disconnect).await
    }

    pub async fn mine(&self, token: AccessToken) -> Result<Option<LiveSession>, SessionError> {
        let claims = self.keys.verify(&token, self.now()).await?;
        Ok(self.own(&claims).map(|entry| entry.view()))
    }

    /// The device's session while it is not closed.
    fn own(&self, claims: &Claims) -> Option<Arc<Entry>> {
        let entry = self.registry.of_device(claims.device_id)?;
        (entry.user_id == claims.sub && entry.state() != SessionState::Closed).then_some(entry)
    }
}
