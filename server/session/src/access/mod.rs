//! Callers of device methods: verification of their tokens, and their sessions.

mod keys;

use crate::error;
use crate::registry::{Entry, Registry};
use keys::Keys;
use std::sync::Arc;
use tornado_contracts::auth::{AccessToken, Auth, Authorize, Grant};
use tornado_contracts::session::SessionError;
use tornado_contracts::token::Claims;
use tornado_runtime::clock::Clock;
use tornado_shared::api::Profile;
use tornado_shared::model::SessionState;

pub(crate) struct Access {
    /// Public keys of `auth`.
    pub keys: Keys,
    auth: Arc<dyn Auth>,
    registry: Arc<Registry>,
    clock: Clock,
}

impl Access {
    pub fn new(auth: Arc<dyn Auth>, registry: Arc<Registry>, clock: Clock) -> Self {
        Self { keys: Keys::new(auth.clone()), auth, registry, clock }
    }

    /// Verifies an access token without a call to `auth`, so it may belong to a login that has ended.
    pub async fn verify(&self, token: &AccessToken) -> Result<Claims, SessionError> {
        self.keys.verify(token, self.clock.now()).await
    }

    /// Checks with `auth` that the login of the token is valid.
    pub async fn whoami(&self, token: AccessToken) -> Result<Profile, SessionError> {
        self.auth.whoami(token).await.map_err(error::auth)
    }

    pub async fn authorize(&self, input: Authorize) -> Result<Grant, SessionError> {
        self.auth.authorize(input).await.map_err(error::auth)
    }

    /// The open session of the token's login; not that of another login of the same device.
    pub fn session_of(&self, claims: &Claims) -> Option<Arc<Entry>> {
        let entry = self.registry.of_device(claims.device_id)?;
        (entry.family_id == claims.fam && entry.state() != SessionState::Closed).then_some(entry)
    }

    /// The session of the token's login, or `None` if the device is not connected. Fails if the login was revoked.
    pub async fn session_or_login(
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
                self.whoami(token).await?;
                Ok(None)
            }
        }
    }
}
