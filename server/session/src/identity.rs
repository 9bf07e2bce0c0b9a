//! New identity on the tor lane: a new isolation number, so that Tor uses new circuits for the device.

use crate::fault;
use crate::service::Service;
use tornado_contracts::auth::AccessToken;
use tornado_contracts::session::SessionError;
use tornado_rpc::Done;
use tornado_shared::model::{DeviceId, SessionState};

impl Service {
    /// Called by the device itself.
    pub async fn new_identity(&self, token: AccessToken) -> Result<Done, SessionError> {
        let claims = self.keys.verify(&token, self.now()).await?;
        self.count_change(claims.device_id)?;
        self.renew_identity(claims.device_id, |family| family == claims.fam).await
    }

    /// Changes the isolation number if `may` accepts the login that opened the session. Stored first: if the lanes
    /// fail, the next put or sync applies it.
    pub async fn renew_identity(
        &self,
        device: DeviceId,
        may: impl FnOnce(tornado_shared::model::FamilyId) -> bool,
    ) -> Result<Done, SessionError> {
        let _guard = self.locks.lock(device).await;
        let Some(entry) = self.registry.of_device(device) else { return Err(SessionError::SessionExpired) };
        if !may(entry.family_id) {
            return Err(SessionError::SessionExpired);
        }
        let state = entry.state();
        match state {
            SessionState::Online | SessionState::Offline => {}
            SessionState::Connecting | SessionState::Closed => return Err(SessionError::SessionExpired),
        }
        let number = self.store.renew_isolation(entry.session_id).await.map_err(|error| fault::store(&error))?;
        let isolation = number.and_then(|number| number.try_into().ok()).ok_or(SessionError::SessionExpired)?;
        entry.cell().isolation = isolation;
        if state == SessionState::Online {
            self.lanes.put(&entry).await.map_err(fault::wg)?;
        }
        Ok(Done {})
    }
}
