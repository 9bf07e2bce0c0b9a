//! Queries of the server that keep the status current. A failure has no consequence except that the values are shown as
//! unknown.

use crate::connection::{Connection, TunnelControl};
use crate::status::Publisher;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tornado_client::{DeviceApi, Error as ApiError};
use tornado_helper_api::ControlPlane;
use tornado_shared::api::{OwnUsage, TorView};
use tornado_shared::model::{Lane, Secret};
use tornado_tunnel::state::Phase;

/// How long a status call waits for the server.
pub(super) const QUERY_TIMEOUT: Duration = Duration::from_millis(1500);
/// How long a confirmation that the session exists stays valid.
const SESSION_VALID: Duration = Duration::from_secs(1);
/// How long the usage in the status stays valid.
const USAGE_VALID: Duration = Duration::from_secs(10);
/// How long the Tor state stays valid. It limits how often repeated status calls query the server.
const TOR_VALID: Duration = Duration::from_secs(1);

/// When the server was last queried for each part of the status.
#[derive(Debug, Default)]
pub(super) struct Queries {
    tor: Freshness,
    usage: Freshness,
    session: Freshness,
}

impl Queries {
    /// Updates the usage in the status. While another call talks to the server, the latest known usage stays.
    pub(super) async fn update_usage(&self, connection: &Mutex<Connection>, publish: &Publisher) {
        let Ok(mut connection) = connection.try_lock() else { return };
        // A status call does not wait for a server that is known to be unreachable.
        if !connection.has_session() || publish.now().control == ControlPlane::Unreachable {
            return;
        }
        if !self.usage.is_due(Instant::now(), USAGE_VALID) {
            return;
        }
        let usage = match tokio::time::timeout(QUERY_TIMEOUT, connection.call_session(usage)).await {
            Ok(Ok(usage)) => Some(usage),
            Ok(Err(error)) => {
                tracing::debug!(code = error.code(), "cannot get the usage from the server");
                None
            }
            Err(_) => None,
        };
        publish.usage(usage);
    }

    /// Updates exit and circuit in the status. While another call talks to the server, the latest known state stays.
    pub(super) async fn update_tor(
        &self,
        connection: &Mutex<Connection>,
        control: &TunnelControl,
        publish: &Publisher,
    ) {
        let view = control.view();
        let on_tor = view.phase == Phase::Connected && view.lane == Some(Lane::Tor);
        let Ok(mut connection) = connection.try_lock() else { return };
        if !on_tor || !connection.has_session() || !self.tor.is_due(Instant::now(), TOR_VALID) {
            return;
        }
        let view = match tokio::time::timeout(QUERY_TIMEOUT, connection.call_session(tor)).await {
            Ok(Ok(view)) => {
                // A circuit may appear any moment, and the status is usually read right after the first page was
                // loaded.
                if view.path.is_none() {
                    self.tor.invalidate();
                }
                Some(view)
            }
            Ok(Err(error)) => {
                tracing::debug!(code = error.code(), "cannot get this device's circuit from the server");
                None
            }
            Err(_) => None,
        };
        publish.tor(view);
    }

    /// Makes the next [`update_tor`](Self::update_tor) query the server.
    pub(super) fn invalidate_tor(&self) {
        self.tor.invalidate();
    }

    /// Makes a heartbeat due that confirms the session, unless the latest confirmation is still valid. Returns true if
    /// it is due.
    pub(super) fn request_confirmation(&self, connection: &Mutex<Connection>, publish: &Publisher) -> bool {
        let Ok(mut connection) = connection.try_lock() else { return false };
        let is_known = publish.now().control != ControlPlane::Unreachable;
        if !connection.has_session() || !is_known || !self.session.is_due(Instant::now(), SESSION_VALID) {
            return false;
        }
        connection.heartbeat_now();
        true
    }
}

pub(super) async fn usage(api: DeviceApi, access: Secret) -> Result<OwnUsage, ApiError> {
    api.usage(&access).await
}

pub(super) async fn tor(api: DeviceApi, access: Secret) -> Result<TorView, ApiError> {
    api.tor(&access).await
}

/// The time of the latest query to the server.
#[derive(Debug, Default)]
struct Freshness(parking_lot::Mutex<Option<Instant>>);

impl Freshness {
    /// Returns true if the latest response is older than `good_for`, and then records `now` as the time of the query.
    fn is_due(&self, now: Instant, good_for: Duration) -> bool {
        let mut last = self.0.lock();
        let due = last.is_none_or(|at| now.saturating_duration_since(at) >= good_for);
        if due {
            *last = Some(now);
        }
        due
    }

    /// Invalidates the latest response.
    fn invalidate(&self) {
        self.0.lock().take();
    }
}
