//! Where a device leaves Tor: its choice, and what became of it.

use crate::entry::Entry;
use crate::fault;
use crate::service::Service;
use std::collections::BTreeSet;
use std::sync::Arc;
use tornado_mesh::auth::AccessToken;
use tornado_mesh::session::{ChooseExit, SessionError};
use tornado_mesh::token::Claims;
use tornado_mesh::tor::{CountryRefusal, SyncCountries};
use tornado_mesh::{Done, MeshFault};
use tornado_shared::model::{CountryCode, DeviceId, SessionState};

impl Service {
    /// Takes a device's wish over, once Tor says that it can be had. Stored first: after a failure of the lanes the
    /// next put or sync brings it there.
    pub async fn choose_exit(&self, input: ChooseExit) -> Result<Done, SessionError> {
        let ChooseExit { access_token, country } = input;
        let token = AccessToken { access_token };
        let claims = self.keys.verify(&token, self.now()).await?;
        let device = claims.device_id;
        let _guard = self.locks.lock(device).await;
        let entry = self.entry_for(&claims, token).await?;
        let former = match &entry {
            Some(entry) => entry.cell().exit,
            None => self.store.exit(device).await.map_err(|error| fault::store(&error))?,
        };
        if former == country {
            return Ok(Done {});
        }
        self.count_change(device)?;
        if let Some(country) = country {
            self.ask_for(country).await?;
        }
        let session = entry.as_ref().map(|entry| entry.session_id);
        let number = self.store.choose_exit(device, session, country).await;
        let number = number.map_err(|error| fault::store(&error))?;
        if let Some(entry) = entry {
            let isolation = number.and_then(|number| number.try_into().ok()).ok_or(SessionError::SessionExpired)?;
            {
                let mut cell = entry.cell();
                cell.isolation = isolation;
                cell.exit = country;
            }
            if entry.has_peers() {
                self.lanes.put(&entry).await.map_err(fault::wg)?;
            }
        }
        self.look_at_countries.notify_one();
        Ok(Done {})
    }

    /// The token's session, or none while the device is not connected; what a login that was ended asks is refused.
    pub(crate) async fn entry_for(
        &self,
        claims: &Claims,
        token: AccessToken,
    ) -> Result<Option<Arc<Entry>>, SessionError> {
        match self.registry.of_device(claims.device_id) {
            Some(entry) if entry.family_id == claims.fam => match entry.state() {
                SessionState::Online | SessionState::Offline => Ok(Some(entry)),
                SessionState::Connecting | SessionState::Closed => Err(SessionError::SessionExpired),
            },
            // A session of another login of the device: it is that one's to change.
            Some(entry) if entry.state() != SessionState::Closed => Err(SessionError::SessionExpired),
            Some(_) | None => {
                self.auth.whoami(token).await.map_err(fault::auth)?;
                Ok(None)
            }
        }
    }

    /// Counts a change of circuits by a device itself.
    pub(crate) fn count_change(&self, device: DeviceId) -> Result<(), SessionError> {
        let mut quota = self.quota.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        quota.take(device, self.now()).map_err(|retry_after| SessionError::TooOften { retry_after })
    }

    /// Has `tor` begin with a country. Until the choice is stored the others' calls do not name it, which `tor` outwaits.
    async fn ask_for(&self, country: CountryCode) -> Result<(), SessionError> {
        let mut wish = self.countries_in_use();
        wish.countries.insert(country);
        let report = self.tor.sync_countries(wish).await.map_err(|error| {
            let why = MeshFault::Unavailable(format!("exit countries: {error}"));
            SessionError::from(why)
        })?;
        match report.refused.get(&country) {
            Some(why @ (CountryRefusal::NoExit | CountryRefusal::TooMany { .. })) => {
                Err(SessionError::NoExit { country, why: why.to_string() })
            }
            None => Ok(()),
        }
    }

    /// What devices with a session use now, as `tor` wants to hear it.
    pub(crate) fn countries_in_use(&self) -> SyncCountries {
        let mut countries = BTreeSet::new();
        let mut live = Vec::new();
        for entry in self.registry.all() {
            if entry.state() != SessionState::Closed {
                let cell = entry.cell();
                countries.extend(cell.exit);
                live.push(cell.isolation);
            }
        }
        SyncCountries { countries, live }
    }
}
