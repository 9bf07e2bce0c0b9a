//! Lanes while the tunnel is up: their state on the server, lane switches, new circuits.

use crate::engine::{Engine, failure};
use crate::session::Inner;
use std::time::Duration;
use tornado_client::DeviceApi;
use tornado_helper_api::{ControlPlane, HelperError, Status};
use tornado_shared::api::{LaneState, Lanes};
use tornado_shared::model::{Lane, Secret};
use tornado_tunnel::state::{Phase, View};

/// How long a connect waits for the server to report its lanes. The tunnel does not depend on it.
const ASK: Duration = Duration::from_secs(2);

/// The latest reported state of each lane.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LaneStates {
    direct: Option<LaneState>,
    tor: Option<LaneState>,
}

impl From<&Lanes> for LaneStates {
    fn from(lanes: &Lanes) -> Self {
        let on = |lane| lanes.lanes.iter().find(|view| view.lane == lane).map(|view| view.state);
        Self { direct: on(Lane::Direct), tor: on(Lane::Tor) }
    }
}

impl LaneStates {
    /// The state of the lane that carries the traffic. `None` if the server is unreachable, because the lane may have
    /// changed since.
    pub(crate) fn known(self, status: &Status) -> Option<LaneState> {
        if status.session.is_none() || status.control == ControlPlane::Unreachable {
            return None;
        }
        match status.lane? {
            Lane::Direct => self.direct,
            Lane::Tor => self.tor,
        }
    }
}

impl Engine {
    /// Queries the server for the states of its lanes. A failure has no consequence except that the states are shown as
    /// unknown. Returns the host at which the server offers its lanes now.
    pub(crate) async fn ask_lanes(&self, inner: &mut Inner) -> Option<String> {
        let api = inner.session.as_ref()?.server.api.clone();
        let (states, host) = match tokio::time::timeout(ASK, api.lanes(&inner.access())).await {
            Ok(Ok(lanes)) => (LaneStates::from(&lanes), lanes.host),
            Ok(Err(error)) => {
                tracing::debug!(code = error.code(), "the server did not report the states of its lanes");
                (LaneStates::default(), None)
            }
            Err(_) => (LaneStates::default(), None),
        };
        self.publish.lanes(states);
        if let Some(host) = &host {
            inner.note_offered(host);
        }
        host
    }

    /// Switches the tunnel to `lane`. On failure, the tunnel stays on its current lane.
    pub(crate) async fn switch_to(&self, inner: &mut Inner, lane: Lane) -> Result<Status, HelperError> {
        let Some(session) = &mut inner.session else { return Err(HelperError::NotConnected) };
        let view = self.tunnel.switch(lane).await.map_err(|e| HelperError::Internal(e.to_string()))?;
        self.publish.tunnel(&view);
        if view.lane != Some(lane) || view.phase != Phase::Connected {
            return Err(not_switched(&view));
        }
        session.lane = lane;
        self.wishes.lane(lane);
        self.publish.no_notice();
        self.ask_lanes(inner).await;
        Ok(self.publish.now())
    }

    /// Like [`switch_to`](Self::switch_to), but never creates a session.
    pub(crate) async fn switch_lane(&self, lane: Lane) -> Result<Status, HelperError> {
        let mut inner = self.inner.lock().await;
        self.connected()?;
        self.switch_to(&mut inner, lane).await
    }

    /// Requests new circuits for the connections that this device opens on the tor lane from now on.
    pub(crate) async fn renew_identity(&self) -> Result<Status, HelperError> {
        let mut inner = self.inner.lock().await;
        self.connected()?;
        if inner.session.is_none() {
            return Err(HelperError::NotConnected);
        }
        let renew = |api: DeviceApi, access: Secret| async move { api.new_identity(&access).await };
        // If the login or the session has ended, the next heartbeat gets the same response and handles it.
        self.asked(&mut inner, renew).await?;
        Ok(self.publish.now())
    }

    fn connected(&self) -> Result<(), HelperError> {
        match self.tunnel.watch().borrow().phase {
            Phase::Connected => Ok(()),
            // This state is visible here only if an earlier call was dropped halfway. All other calls hold the lock
            // until the tunnel has settled.
            Phase::Connecting | Phase::Switching => {
                Err(HelperError::Tunnel("another change of the tunnel is in progress; try again in a moment".into()))
            }
            Phase::Disconnected | Phase::Disconnecting | Phase::Blocked => Err(HelperError::NotConnected),
        }
    }
}

/// Why the tunnel is not on the requested lane, and which lane carries the traffic instead.
fn not_switched(view: &View) -> HelperError {
    let error = failure(view);
    let (Phase::Connected, Some(kept)) = (view.phase, view.lane) else { return error };
    if let HelperError::NoHandshake(text) = &error {
        return HelperError::NoHandshake(format!("{text}; traffic stays on the {kept} lane"));
    }
    if let HelperError::Tunnel(text) = &error {
        return HelperError::Tunnel(format!("{text}; traffic stays on the {kept} lane"));
    }
    error
}
