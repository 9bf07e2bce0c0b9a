//! Verifies access tokens with the public keys of `auth`, so that heartbeats work while `auth` is down.

use parking_lot::RwLock;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tornado_contracts::auth::{AccessToken, Auth};
use tornado_contracts::session::SessionError;
use tornado_contracts::token::{Claims, TokenError, TokenKind, Verifier};
use tornado_rpc::{Fault, NoInput};
use tornado_shared::model::UnixSeconds;

/// Shortest time between two fetches. Unknown keys in a flood of tokens do not cause a flood of calls to `auth`.
const FETCH_INTERVAL: Duration = Duration::from_secs(1);

/// Number of fetches before a token with an unknown key fails: `auth` may be slow under load, or be restarting.
const ATTEMPTS: u32 = 3;

/// Interval between regular fetches. `auth` publishes a new key at least ten seconds before it signs with it.
const REGULAR_INTERVAL: Duration = Duration::from_secs(8);

/// The public keys; fetched when one is missing.
pub(crate) struct Keys {
    auth: Arc<dyn Auth>,
    verifier: RwLock<Option<Arc<Verifier>>>,
    /// Time and result of the latest fetch.
    fetched: tokio::sync::Mutex<Option<(Instant, Result<(), Fault>)>>,
}

impl Keys {
    pub fn new(auth: Arc<dyn Auth>) -> Self {
        Self { auth, verifier: RwLock::new(None), fetched: tokio::sync::Mutex::new(None) }
    }

    /// Fetches new keys before the first token is signed with them. Runs until `shutdown`. While `auth` is down, the
    /// known keys stay valid.
    pub async fn run(&self, shutdown: CancellationToken) {
        while shutdown.run_until_cancelled(tokio::time::sleep(REGULAR_INTERVAL)).await.is_some() {
            if let Err(error) = self.fetch().await {
                tracing::debug!(%error, "cannot fetch new keys");
            }
        }
    }

    /// Verifies an access token; fetches the keys if its key is unknown.
    pub async fn verify(&self, token: &AccessToken, now: UnixSeconds) -> Result<Claims, SessionError> {
        let token = token.access_token.expose();
        match self.current().map(|verifier| verifier.verify(token, now)) {
            Some(Ok(claims)) => return Ok(claims),
            Some(Err(error @ (TokenError::Expired | TokenError::Invalid))) => return Err(SessionError::Token(error)),
            Some(Err(TokenError::UnknownKey)) | None => {}
        }
        let mut fetched = self.fetch().await;
        for _ in 1..ATTEMPTS {
            if fetched.is_ok() {
                break;
            }
            fetched = self.fetch().await;
        }
        match (self.current().map(|verifier| verifier.verify(token, now)), fetched) {
            (Some(Ok(claims)), _) => Ok(claims),
            // The key may exist, but that cannot be checked now. The token must not be reported as invalid.
            (Some(Err(TokenError::UnknownKey)) | None, Err(fault)) => Err(SessionError::Fault(fault)),
            (Some(Err(error)), _) => Err(SessionError::Token(error)),
            (None, Ok(())) => Err(Fault::Unavailable("the keys of service auth are not known yet".into()).into()),
        }
    }

    /// Fetches the keys, or returns the result of a fetch within the last [`FETCH_INTERVAL`]. A failure that is older
    /// than this call is not returned: the call waits for the end of the interval and fetches again.
    pub async fn fetch(&self) -> Result<(), Fault> {
        let called = Instant::now();
        let mut fetched = self.fetched.lock().await;
        match fetched.as_ref() {
            Some((at, result)) if at.elapsed() < FETCH_INTERVAL && (result.is_ok() || *at > called) => {
                return result.clone();
            }
            Some((at, Err(_))) => tokio::time::sleep_until(*at + FETCH_INTERVAL).await,
            Some((_, Ok(()))) | None => {}
        }
        let result = self.fetch_now().await;
        *fetched = Some((Instant::now(), result.clone()));
        result
    }

    async fn fetch_now(&self) -> Result<(), Fault> {
        let keys = self.auth.verifying_keys(NoInput {}).await;
        let keys =
            keys.map_err(|error| Fault::Unavailable(format!("cannot fetch the keys of service auth: {error}")))?;
        let verifier = Arc::new(Verifier::new(&keys, TokenKind::Access));
        *self.verifier.write() = Some(verifier);
        Ok(())
    }

    /// Returns to the state after a start.
    #[cfg(test)]
    pub fn forget(&self) {
        *self.verifier.write() = None;
    }

    fn current(&self) -> Option<Arc<Verifier>> {
        self.verifier.read().clone()
    }
}
