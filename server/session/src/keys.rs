//! Access tokens are checked here with `auth`'s public keys, so heartbeats go on while `auth` is away.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::Instant;
use tornado_mesh::auth::{AccessToken, Auth};
use tornado_mesh::session::SessionError;
use tornado_mesh::token::{Claims, TokenError, TokenKind, Verifier};
use tornado_mesh::{MeshFault, NoInput};
use tornado_shared::model::UnixSeconds;

/// Shortest time between two fetches: a flood of unknown keys is not handed on to `auth`.
const FETCH_INTERVAL: Duration = Duration::from_secs(1);

/// The public keys, fetched when one is missing.
pub(crate) struct Keys {
    auth: Arc<dyn Auth>,
    verifier: RwLock<Option<Arc<Verifier>>>,
    fetched: tokio::sync::Mutex<Option<Instant>>,
}

impl Keys {
    pub fn new(auth: Arc<dyn Auth>) -> Self {
        Self { auth, verifier: RwLock::new(None), fetched: tokio::sync::Mutex::new(None) }
    }

    /// Checks an access token.
    pub async fn verify(&self, token: &AccessToken, now: UnixSeconds) -> Result<Claims, SessionError> {
        let token = token.access_token.expose();
        match self.current().map(|verifier| verifier.verify(token, now)) {
            Some(Ok(claims)) => return Ok(claims),
            Some(Err(error @ (TokenError::Expired | TokenError::Invalid))) => return Err(SessionError::Token(error)),
            Some(Err(TokenError::UnknownKey)) | None => {}
        }
        let fetched = self.fetch().await;
        match self.current() {
            Some(verifier) => verifier.verify(token, now).map_err(SessionError::Token),
            None => Err(SessionError::Mesh(match fetched {
                Err(fault) => fault,
                Ok(()) => MeshFault::Unavailable("the keys of service auth are not known yet".into()),
            })),
        }
    }

    /// Fetches the keys unless that was done just now, by whomever.
    pub async fn fetch(&self) -> Result<(), MeshFault> {
        let mut fetched = self.fetched.lock().await;
        if fetched.is_some_and(|at| at.elapsed() < FETCH_INTERVAL) {
            return Ok(());
        }
        *fetched = Some(Instant::now());
        let keys = self.auth.verifying_keys(NoInput {}).await;
        let keys = keys.map_err(|error| MeshFault::Unavailable(format!("the keys of service auth: {error}")))?;
        let verifier = Arc::new(Verifier::new(&keys, TokenKind::Access));
        *self.verifier.write().unwrap_or_else(PoisonError::into_inner) = Some(verifier);
        Ok(())
    }

    fn current(&self) -> Option<Arc<Verifier>> {
        self.verifier.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
