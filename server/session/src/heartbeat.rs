//! Heartbeats, and other calls of a device about its session.

use crate::entry::Entry;
use crate::fault;
use crate::service::Service;
use std::sync::Arc;
use tornado_contracts::auth::AccessToken;
use tornado_contracts::session::{Closed, HeartbeatOutcome, HeartbeatReply, LiveSession, SessionError};
use tornado_contracts::token::Claims;
use tornado_shared::model::{CloseReason, SessionState};
use tornado_store::sessions::AfterClose;

impl Service {
    /// Handles a heartbeat. The token identifies the device; only the state of the session decides whether it
    /// continues.
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
        let _guard = self.locks.lock(claims.device_id).await;
        let Some(entry) = self.registry.of_device(claims.device_id) else { return Ok(Closed { session_id: None }) };
        // The session belongs to the device's previous login. Only `auth` knows which of the two was revoked.
        if entry.family_id != claims.fam {
            self.auth.whoami(token).await.map_err(fault::auth)?;
        }
        self.close(&entry, CloseReason::Disconnect, AfterClose::Quarantine).await?;
        Ok(Closed { session_id: Some(entry.session_id) })
    }

    pub async fn mine(&self, token: AccessToken) -> Result<Option<LiveSession>, SessionError> {
        let claims = self.keys.verify(&token, self.now()).await?;
        let view = self.own(&claims).map(|entry| entry.view(self.now()));
        Ok(view.map(|view| LiveSession { endpoint: None, ..view }))
    }

    /// The open session of the token's login; not that of another login of the same device.
    fn own(&self, claims: &Claims) -> Option<Arc<Entry>> {
        let entry = self.registry.of_device(claims.device_id)?;
        (entry.family_id == claims.fam && entry.state() != SessionState::Closed).then_some(entry)
    }
}
