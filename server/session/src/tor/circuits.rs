//! Changes of a device's circuits: another exit country, or a new identity. Both set a new isolation number, so that
//! Tor uses new circuits for the device.
//!
//! Stored first: if the lanes fail, the next put or sync applies the change.

use super::exit::Countries;
use super::limit::ChangeLimit;
use crate::core::Core;
use crate::error;
use parking_lot::Mutex;
use std::sync::Arc;
use tornado_contracts::auth::AccessToken;
use tornado_contracts::session::{ChooseExit, SessionError};
use tornado_contracts::tor::{CountryRefusal, Tor};
use tornado_rpc::{Done, Fault};
use tornado_shared::model::{CountryCode, DeviceId, FamilyId, SessionState};

pub(crate) struct Circuits {
    core: Core,
    tor: Arc<dyn Tor>,
    countries: Arc<Countries>,
    limit: Mutex<ChangeLimit>,
}

impl Circuits {
    pub fn new(core: Core, tor: Arc<dyn Tor>, countries: Arc<Countries>) -> Self {
        let limit = Mutex::new(ChangeLimit::new(core.config.identity_changes));
        Self { core, tor, countries, limit }
    }

    /// Sets the device's exit country after `tor` has confirmed that it is available.
    pub async fn choose_exit(&self, input: ChooseExit) -> Result<Done, SessionError> {
        let ChooseExit { access_token, country } = input;
        let token = AccessToken { access_token };
        let claims = self.core.access.verify(&token).await?;
        let device = claims.device_id;
        let _guard = self.core.registry.locks.lock(device).await;
        let entry = self.core.access.session_or_login(&claims, token).await?;
        let former = match &entry {
            Some(entry) => entry.circuits().1,
            None => self.core.store.exit(device).await.map_err(error::store)?,
        };
        if former == country {
            return Ok(Done {});
        }
        self.count_change(device)?;
        if let Some(country) = country {
            self.countries.check_limit(country, claims.sub, device)?;
            self.start_exit(country).await?;
        }
        let session = entry.as_ref().map(|entry| entry.session_id);
        let number = self.core.store.choose_exit(device, session, country).await;
        let number = number.map_err(error::store)?;
        if let Some(entry) = entry {
            let isolation = number.and_then(|number| number.try_into().ok()).ok_or(SessionError::SessionExpired)?;
            entry.set_circuits(isolation, country);
            if entry.has_peers() {
                self.core.lanes.put(&entry).await.map_err(error::wg)?;
            }
        }
        self.countries.request_report();
        Ok(Done {})
    }

    /// Sets a new isolation number for the token's device.
    pub async fn new_identity(&self, token: AccessToken) -> Result<Done, SessionError> {
        let claims = self.core.access.verify(&token).await?;
        self.count_change(claims.device_id)?;
        self.renew_identity(claims.device_id, |family| family == claims.fam).await
    }

    /// Sets a new isolation number if `may` accepts the login that opened the session.
    pub async fn renew_identity(
        &self,
        device: DeviceId,
        may: impl FnOnce(FamilyId) -> bool,
    ) -> Result<Done, SessionError> {
        let _guard = self.core.registry.locks.lock(device).await;
        let entry = self.core.registry.of_device(device).filter(|entry| may(entry.family_id));
        let entry = entry.ok_or(SessionError::SessionExpired)?;
        let state = entry.state();
        match state {
            SessionState::Online | SessionState::Offline => {}
            SessionState::Connecting | SessionState::Closed => return Err(SessionError::SessionExpired),
        }
        let number = self.core.store.renew_isolation(entry.session_id).await.map_err(error::store)?;
        let isolation = number.and_then(|number| number.try_into().ok()).ok_or(SessionError::SessionExpired)?;
        entry.set_circuits(isolation, entry.circuits().1);
        if state == SessionState::Online {
            self.core.lanes.put(&entry).await.map_err(error::wg)?;
        }
        Ok(Done {})
    }

    /// Counts a change of circuits against the device's rate limit.
    fn count_change(&self, device: DeviceId) -> Result<(), SessionError> {
        let taken = self.limit.lock().take(device, self.core.now());
        taken.map_err(|retry_after| SessionError::TooOften { retry_after })
    }

    /// Makes `tor` start the country. Until the choice is stored, periodic calls do not contain it; `tor` tolerates
    /// that.
    async fn start_exit(&self, country: CountryCode) -> Result<(), SessionError> {
        let mut desired = self.countries.in_use();
        desired.countries.insert(country);
        let report = self.tor.sync_countries(desired).await.map_err(|error| {
            let why = Fault::Unavailable(format!("cannot select an exit country: {error}"));
            SessionError::from(why)
        })?;
        match report.refused.get(&country) {
            Some(why @ (CountryRefusal::NoExit | CountryRefusal::TooMany { .. })) => {
                Err(SessionError::NoExit { country, why: why.to_string() })
            }
            None => Ok(()),
        }
    }
}
