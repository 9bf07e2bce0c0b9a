//! A new identity on the tor lane: another isolation number, so that Tor gives the device other circuits.

use crate::fault;
use crate::service::Service;
use tornado_contracts::auth::AccessToken;
use tornado_contracts::session::SessionError;
use tornado_rpc::Done;
use tornado_shared::model::{DeviceId, SessionState};

impl Service {
    /// For the device itself.
    pub async fn new_identity(&self, token: AccessToken) -> Result<Done, SessionError> {
        let claims = self.keys.verify(&token, self.now()).await?;
        self.count_change(claims.device_id)?;
        self.renew_identity(claims.device_id, |family| family == claims.fam).await
    }

    /// For a device whose session `may` be changed, by the login that connected it. Stored first: after a failure
    /// of the lanes the next put or sync brings the number there.
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
