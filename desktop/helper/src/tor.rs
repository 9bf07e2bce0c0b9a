//! State of this device on the tor lane, as the server reports it: exit, circuit, available countries.

use crate::engine::Engine;
use crate::reach::translate;
use crate::session::Inner;
use std::time::Duration;
use tokio::time::Instant;
use tornado_client::{DeviceApi, Error as ApiError};
use tornado_helper_api::{HelperError, Status};
use tornado_shared::api::TorView;
use tornado_shared::model::{CountryCode, Lane, Secret};
use tornado_tunnel::state::Phase;

/// How long a status call waits for the server.
const ASK: Duration = Duration::from_millis(1500);
/// How long a response stays valid. It limits how often repeated status calls query the server.
const GOOD_FOR: Duration = Duration::from_secs(1);

impl Engine {
    /// Updates exit and circuit in the status. A failure has no consequence except that they are shown as unknown.
    pub(crate) async fn see_tor(&self) {
        let on_tor = {
            let view = self.tunnel.watch().borrow().clone();
            view.phase == Phase::Connected && view.lane == Some(Lane::Tor)
        };
        // While another call talks to the server, the latest known state is shown.
        let Ok(mut inner) = self.inner.try_lock() else { return };
        if !on_tor || inner.session.is_none() || !self.tor_asked.is_due(Instant::now(), GOOD_FOR) {
            return;
        }
        let view = match tokio::time::timeout(ASK, ask(&mut inner)).await {
            Ok(Ok(view)) => {
                // A circuit may appear any moment, and the status is usually read right after the first page was
                // loaded.
                if view.path.is_none() {
                    self.tor_asked.again();
                }
                Some(view)
            }
            Ok(Err(error)) => {
                tracing::debug!(code = error.code(), "cannot get this device's circuit from the server");
                None
            }
            Err(_) => None,
        };
        self.publish.tor(view);
    }

    /// Returns the Tor state for a separate call, which also works without a tunnel.
    pub(crate) async fn tor_view(&self) -> Result<TorView, HelperError> {
        let mut inner = self.inner.lock().await;
        self.asked(&mut inner, see).await
    }

    /// Sets the country of this device's Tor exits, or none for any country. It also works without a tunnel.
    pub(crate) async fn leave_in(&self, country: Option<CountryCode>) -> Result<Status, HelperError> {
        {
            let mut inner = self.inner.lock().await;
            let choose = |api: DeviceApi, access: Secret| async move { api.choose_exit(&access, country).await };
            self.asked(&mut inner, choose).await?;
        }
        self.tor_asked.again();
        self.see_tor().await;
        Ok(self.publish.now())
    }

    /// Calls the session's server, or the enrolled server if there is no session. If its TLS key changed in the
    /// meantime, verifies the new key with the pinned identity first.
    pub(crate) async fn asked<T, F: Future<Output = Result<T, ApiError>>>(
        &self,
        inner: &mut Inner,
        call: impl Fn(DeviceApi, Secret) -> F,
    ) -> Result<T, HelperError> {
        let api = match &inner.session {
            Some(session) => session.server.api.clone(),
            None => inner.reach(&self.publish).await?.api,
        };
        let mut outcome = inner.authorised(&api, &call).await;
        if matches!(outcome, Err(ApiError::WrongCertificate)) {
            let server = inner.reach(&self.publish).await?;
            let api = server.api.clone();
            if let Some(session) = &mut inner.session {
                session.server = server;
            }
            outcome = inner.authorised(&api, &call).await;
        }
        outcome.map_err(|error| translate(&error))
    }
}

async fn ask(inner: &mut Inner) -> Result<TorView, ApiError> {
    let Some(api) = inner.session.as_ref().map(|session| session.server.api.clone()) else {
        return Err(ApiError::Setup("there is no session".into()));
    };
    inner.authorised(&api, see).await
}

async fn see(api: DeviceApi, access: Secret) -> Result<TorView, ApiError> {
    api.tor(&access).await
}
