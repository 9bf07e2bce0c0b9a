//! The account and the tokens of its login. Every change is stored at once.

use super::model::{Account, Login};
use super::profiles;
use super::store::{Store, StoreError};
use std::time::Duration;
use tornado_client::{DeviceApi, Error as ApiError};
use tornado_helper_api::{HelperError, Profile, ProfileName, Profiles};
use tornado_kit::clock::unix_now;
use tornado_shared::crypto::identity::Fingerprint;
use tornado_shared::model::Secret;

/// How long before its expiry an access token is refreshed.
const REFRESH_BEFORE: Duration = Duration::from_secs(60);

/// The stored account.
pub(crate) struct Credentials {
    store: Store,
    account: Option<Account>,
    /// Why the store could not be read. An enrolment or a logout clears it.
    unreadable: Option<String>,
}

/// The error that the server would return for a call without a token, with advice for the user.
fn login_has_ended() -> ApiError {
    let detail = "the server has ended this login; log in again with `tornado login`".to_owned();
    ApiError::Refused { status: 401, code: "revoked".to_owned(), detail, retry_after: None }
}

/// Whether an access token that expires at `expires_at` should be refreshed at `now`, both in Unix seconds.
const fn is_due(expires_at: i64, now: i64) -> bool {
    expires_at.saturating_sub(now) <= REFRESH_BEFORE.as_secs() as i64
}

impl Credentials {
    /// Reads the store. A file that cannot be read is not treated as absent.
    pub(crate) fn read(store: Store) -> Self {
        let (account, unreadable) = match Account::load(&store) {
            Ok(account) => (account, None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self { store, account, unreadable }
    }

    pub(crate) const fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    pub(crate) fn login(&self) -> Option<&Login> {
        self.account.as_ref().and_then(|account| account.login.as_ref())
    }

    pub(crate) fn is_logged_in(&self) -> bool {
        self.login().is_some()
    }

    /// The access token; empty without a login.
    pub(crate) fn access(&self) -> Secret {
        self.login().map(|login| login.access.clone()).unwrap_or_default()
    }

    pub(crate) fn unreadable(&self) -> Option<&str> {
        self.unreadable.as_deref()
    }

    /// The account of an enrolled device.
    ///
    /// # Errors
    /// `Blocked` if the store is unreadable, `NotEnrolled` if there is no account.
    pub(crate) fn enrolled(&self) -> Result<&Account, HelperError> {
        if let Some(reason) = &self.unreadable {
            return Err(HelperError::Blocked(reason.clone()));
        }
        self.account.as_ref().ok_or(HelperError::NotEnrolled)
    }

    /// Fails if an account could not be stored now.
    pub(crate) fn check_writable(&self) -> Result<(), HelperError> {
        self.store.probe().map_err(not_stored)
    }

    /// Stores another account or another login. An account of another profile is kept.
    pub(crate) fn replace(&mut self, account: Account) -> Result<(), HelperError> {
        if let Some(former) = self.account.as_ref().filter(|former| former.profile != account.profile) {
            profiles::save(&self.store, former).map_err(not_stored)?;
        }
        account.save(&self.store).map_err(not_stored)?;
        // If it stays, it is ignored, because it has the name of the account in use.
        if let Err(error) = profiles::remove(&self.store, &account.profile) {
            tracing::warn!(%error, "cannot remove the former file of the profile in use");
        }
        self.account = Some(account);
        Ok(())
    }

    /// All profiles, sorted by name. Those whose files cannot be read are left out and logged.
    pub(crate) fn profiles(&self) -> Result<Profiles, HelperError> {
        let describe = |account: &Account, in_use| Profile {
            name: account.profile.clone(),
            server: account.server.clone(),
            user: account.username.clone(),
            logged_in: account.login.is_some(),
            in_use,
        };
        let used = self.account.as_ref().map(|account| &account.profile);
        let mut found: Vec<Profile> = self.account.iter().map(|account| describe(account, true)).collect();
        for name in profiles::names(&self.store).map_err(internal)?.iter().filter(|name| Some(*name) != used) {
            match profiles::load(&self.store, name) {
                Ok(account) => found.extend(account.iter().map(|account| describe(account, false))),
                Err(error) => tracing::warn!(%error, "cannot read a profile"),
            }
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Profiles { profiles: found })
    }

    /// The stored account of a profile that is not in use.
    ///
    /// # Errors
    /// `Malformed` if the profile is in use or does not exist, `Internal` if its file cannot be read.
    pub(crate) fn unused_profile(&self, name: &ProfileName) -> Result<Account, HelperError> {
        if self.account.as_ref().is_some_and(|account| account.profile == *name) {
            return Err(HelperError::Malformed(format!("the profile '{name}' is in use")));
        }
        let found = profiles::load(&self.store, name).map_err(internal)?;
        found.ok_or_else(|| HelperError::Malformed(format!("there is no profile '{name}'; see `tornado profile list`")))
    }

    /// Renames a profile, which may be in use.
    ///
    /// # Errors
    /// `Malformed` if it does not exist or the new name is taken, `Internal` if it cannot be stored.
    pub(crate) fn rename_profile(&mut self, name: &ProfileName, new: &ProfileName) -> Result<(), HelperError> {
        if name == new {
            return Ok(());
        }
        let is_in_use = |name: &ProfileName| self.account.as_ref().is_some_and(|account| account.profile == *name);
        if is_in_use(new) || profiles::names(&self.store).map_err(internal)?.contains(new) {
            return Err(HelperError::Malformed(format!("there is already a profile '{new}'; choose another name")));
        }
        if let Some(account) = self.account.as_mut().filter(|account| account.profile == *name) {
            account.profile = new.clone();
            account.save(&self.store).map_err(not_stored)?;
            // A copy that a crash left was ignored because of its name.
            return profiles::remove(&self.store, name).map_err(internal);
        }
        let mut account = self.unused_profile(name)?;
        account.profile = new.clone();
        // After a crash in between, the account has both names, and one can be removed.
        profiles::save(&self.store, &account).map_err(not_stored)?;
        profiles::remove(&self.store, name).map_err(internal)
    }

    pub(crate) fn remove_profile(&self, name: &ProfileName) -> Result<(), HelperError> {
        profiles::remove(&self.store, name).map_err(internal)
    }

    /// Keeps a copy of a store that could not be read, so that it can be replaced.
    pub(crate) fn set_aside_unreadable(&self) -> Result<(), HelperError> {
        let set_aside = if self.unreadable.is_some() { Account::set_aside(&self.store) } else { Ok(()) };
        set_aside.map_err(|error| HelperError::Internal(error.to_string()))
    }

    /// Ends the state in which the store counts as unreadable. Returns true if it was.
    pub(crate) fn clear_unreadable(&mut self) -> bool {
        self.unreadable.take().is_some()
    }

    /// Removes the login; call [`save`](Self::save) afterwards.
    pub(crate) fn take_login(&mut self) -> Option<Login> {
        self.account.as_mut().and_then(|account| account.login.take())
    }

    pub(crate) fn set_tls(&mut self, tls: Fingerprint) {
        if let Some(account) = self.account.as_mut().filter(|account| account.tls != tls) {
            account.tls = tls;
            self.save();
        }
    }

    /// Stores the host of the server's offer. The device API is also tried at that host if the enrolled address fails.
    /// The pinned key is expected there too.
    pub(crate) fn set_offered_host(&mut self, host: &str) {
        if self.account.as_mut().is_some_and(|account| account.set_offered_host(host)) {
            tracing::info!("the server reported another address than the enrolled one; both will be tried");
            self.save();
        }
    }

    /// Runs `call` with the access token, refreshed where needed.
    pub(crate) async fn authorised<T, F: Future<Output = Result<T, ApiError>>>(
        &mut self,
        api: &DeviceApi,
        call: impl Fn(DeviceApi, Secret) -> F,
    ) -> Result<T, ApiError> {
        self.refresh_if_due(api).await?;
        let outcome = call(api.clone(), self.access()).await;
        if outcome.as_ref().is_err_and(ApiError::wants_fresh_token) {
            self.refresh(api).await?;
            return call(api.clone(), self.access()).await;
        }
        outcome
    }

    /// Refreshes the access token if it is about to expire. Fails if there is none: another call may have ended the
    /// login while this one waited.
    pub(crate) async fn refresh_if_due(&mut self, api: &DeviceApi) -> Result<(), ApiError> {
        let login = self.login().ok_or_else(login_has_ended)?;
        if is_due(login.access_expires_at, unix_now()) {
            self.refresh(api).await?;
        }
        Ok(())
    }

    /// Exchanges the refresh token for a new pair. The idempotency key is stored before the request is sent, so that a
    /// request whose response is lost can be repeated. The new pair is stored before it is used, because the old one is
    /// spent.
    async fn refresh(&mut self, api: &DeviceApi) -> Result<(), ApiError> {
        let login = self.account.as_mut().and_then(|account| account.login.as_mut()).ok_or_else(login_has_ended)?;
        let (refresh, idempotency_key) = (login.refresh.clone(), login.idempotency_key());
        self.save();
        match api.reauth(&refresh, idempotency_key).await {
            Ok(tokens) => {
                if let Some(login) = self.account.as_mut().and_then(|account| account.login.as_mut()) {
                    login.set_tokens(&tokens, unix_now());
                    self.save();
                }
                Ok(())
            }
            Err(error) => {
                self.end_login_if_revoked(&error);
                Err(error)
            }
        }
    }

    /// Deletes the tokens, but only if the server states that the login has ended.
    pub(crate) fn end_login_if_revoked(&mut self, error: &ApiError) {
        if error.ends_login() && self.take_login().is_some() {
            tracing::warn!(code = error.code(), "the server ended this login");
            self.save();
        }
    }

    pub(crate) fn save(&self) {
        if let Some(account) = &self.account
            && let Err(error) = account.save(&self.store)
        {
            // The login stays usable in memory. After a restart, the stored tokens may be spent.
            tracing::error!(%error, "cannot store the login");
        }
    }
}

fn internal(error: StoreError) -> HelperError {
    HelperError::Internal(error.to_string())
}

fn not_stored(error: StoreError) -> HelperError {
    HelperError::Internal(format!("cannot store the login: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_refreshed_a_minute_early() {
        assert!(!is_due(1000, 900) && is_due(1000, 940) && is_due(1000, 2000));
    }
}
