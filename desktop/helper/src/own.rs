//! Usage, sessions and devices of the account.

use crate::engine::Engine;
use crate::session::Inner;
use std::time::Duration;
use tokio::time::Instant;
use tornado_client::{DeviceApi, Error as ApiError};
use tornado_helper_api::{ControlPlane, Devices, HelperError};
use tornado_shared::api::{OwnSessions, OwnUsage, SessionsQuery};
use tornado_shared::model::{DeviceId, Secret};

/// How long a status call waits for the server.
const ASK: Duration = Duration::from_millis(1500);
/// How long a confirmation that the session exists stays valid.
const CONFIRMED_FOR: Duration = Duration::from_secs(1);
/// How long the usage in the status stays valid.
pub(crate) const GOOD_FOR: Duration = Duration::from_secs(10);

impl Engine {
    /// Updates the usage in the status. A failure has no consequence except that the usage is shown as unknown.
    pub(crate) async fn see_usage(&self) {
        // While another call talks to the server, the latest known usage is shown.
        let Ok(mut inner) = self.inner.try_lock() else { return };
        let Some(api) = inner.session.as_ref().map(|session| session.server.api.clone()) else { return };
        // A status call does not wait for a server that is known to be unreachable.
        if self.publish.now().control == ControlPlane::Unreachable {
            return;
        }
        if !self.usage_asked.is_due(Instant::now(), GOOD_FOR) {
            return;
        }
        let usage = match tokio::time::timeout(ASK, inner.authorised(&api, usage)).await {
            Ok(Ok(usage)) => Some(usage),
            Ok(Err(error)) => {
                tracing::debug!(code = error.code(), "cannot get the usage from the server");
                None
            }
            Err(_) => None,
        };
        self.publish.usage(usage);
    }

    /// Requests a heartbeat, which confirms that the session in the status still exists.
    pub(crate) async fn confirm(&self) {
        let mut kept = self.kept.subscribe();
        {
            let Ok(mut inner) = self.inner.try_lock() else { return };
            let is_known = self.publish.now().control != ControlPlane::Unreachable;
            if inner.session.is_none() || !is_known || !self.confirmed.is_due(Instant::now(), CONFIRMED_FOR) {
                return;
            }
            inner.heartbeat_now();
        }
        self.wake.notify_one();
        // If the confirmation is late, the known state is shown.
        let _ = tokio::time::timeout(ASK, kept.changed()).await;
    }

    pub(crate) async fn own_usage(&self) -> Result<OwnUsage, HelperError> {
        let mut inner = self.inner.lock().await;
        self.asked(&mut inner, usage).await
    }

    pub(crate) async fn own_sessions(&self, page: SessionsQuery) -> Result<OwnSessions, HelperError> {
        let mut inner = self.inner.lock().await;
        let ask = |api: DeviceApi, access: Secret| async move { api.sessions(&access, page).await };
        self.asked(&mut inner, ask).await
    }

    pub(crate) async fn own_devices(&self) -> Result<Devices, HelperError> {
        let mut inner = self.inner.lock().await;
        self.devices(&mut inner).await
    }

    pub(crate) async fn remove_own_device(&self, device: DeviceId) -> Result<Devices, HelperError> {
        let mut inner = self.inner.lock().await;
        let mut known = self.devices(&mut inner).await?;
        let remove = |api: DeviceApi, access: Secret| async move { api.remove_device(&access, device).await };
        self.asked(&mut inner, remove).await?;
        // The device list cannot be queried again: this device may be the one that was removed.
        known.devices.retain(|kept| kept.id != device);
        Ok(known)
    }

    async fn devices(&self, inner: &mut Inner) -> Result<Devices, HelperError> {
        let login = inner.account.as_ref().and_then(|account| account.login.as_ref());
        let own = login.map(|login| login.device_id).ok_or(HelperError::NotLoggedIn)?;
        let ask = |api: DeviceApi, access: Secret| async move { api.devices(&access).await };
        let found = self.asked(inner, ask).await?;
        Ok(Devices { devices: found.devices, own })
    }
}

async fn usage(api: DeviceApi, access: Secret) -> Result<OwnUsage, ApiError> {
    api.usage(&access).await
}
