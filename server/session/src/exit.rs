//! Exit country of a device: its choice, and the countries in use.

use crate::entry::Entry;
use crate::fault;
use crate::service::Service;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tornado_contracts::auth::AccessToken;
use tornado_contracts::session::{ChooseExit, SessionError};
use tornado_contracts::token::Claims;
use tornado_contracts::tor::{CountryRefusal, SyncCountries};
use tornado_rpc::{Done, Fault};
use tornado_shared::model::{CountryCode, DeviceId, SessionState, UserId};

impl Service {
    /// Sets the device's exit country after `tor` has confirmed that it is available. Stored first: if the lanes fail,
    /// the next put or sync applies it.
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
            self.allow(country, claims.sub, device)?;
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

    /// The session of the token's login, or `None` if the device is not connected. Fails if the login was revoked.
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
            // The session belongs to another login of the device, which alone may change it.
            Some(entry) if entry.state() != SessionState::Closed => Err(SessionError::SessionExpired),
            Some(_) | None => {
                self.auth.whoami(token).await.map_err(fault::auth)?;
                Ok(None)
            }
        }
    }

    /// Counts a change of circuits against the device's rate limit.
    pub(crate) fn count_change(&self, device: DeviceId) -> Result<(), SessionError> {
        let mut quota = self.quota.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        quota.take(device, self.now()).map_err(|retry_after| SessionError::TooOften { retry_after })
    }

    /// Limits the exit countries of one account, so that it cannot use all of them.
    fn allow(&self, country: CountryCode, user: UserId, device: DeviceId) -> Result<(), SessionError> {
        let others = self.registry.all().into_iter().filter(|entry| {
            entry.user_id == user && entry.device_id != device && entry.state() != SessionState::Closed
        });
        let used: BTreeSet<CountryCode> = others.filter_map(|entry| entry.cell().exit).collect();
        let max = self.config.exit_countries;
        if used.contains(&country) || used.len() < usize::try_from(max).unwrap_or(usize::MAX) {
            return Ok(());
        }
        let why = format!("the devices of one account may use {max} exit countries at the same time");
        Err(SessionError::NoExit { country, why })
    }

    /// Makes `tor` start the country. Until the choice is stored, periodic calls do not contain it; `tor` tolerates
    /// that.
    async fn ask_for(&self, country: CountryCode) -> Result<(), SessionError> {
        let mut wish = self.countries_in_use();
        wish.countries.insert(country);
        let report = self.tor.sync_countries(wish).await.map_err(|error| {
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

    /// Countries and isolation numbers in use, as input for `tor`. Choices made while a device was not connected were
    /// not checked; of an account with too many, those of the oldest sessions count.
    pub(crate) fn countries_in_use(&self) -> SyncCountries {
        let max = usize::try_from(self.config.exit_countries).unwrap_or(usize::MAX);
        let mut of_user: BTreeMap<UserId, BTreeSet<CountryCode>> = BTreeMap::new();
        let mut live = Vec::new();
        let mut entries: Vec<_> = self.registry.all().into_iter().collect();
        // Oldest first: a device that connects must not displace the exit of another.
        entries.sort_by_cached_key(|entry| (entry.cell().machine.signs().started_at, entry.session_id));
        for entry in entries {
            if entry.state() == SessionState::Closed {
                continue;
            }
            let cell = entry.cell();
            live.push(cell.isolation);
            let used = of_user.entry(entry.user_id).or_default();
            if used.len() < max {
                used.extend(cell.exit);
            }
        }
        SyncCountries { countries: of_user.into_values().flatten().collect(), live }
    }
}
