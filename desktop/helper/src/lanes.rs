//! The lanes while the tunnel is up: whether the server lets anything pass, moving to the other one, new circuits.

use crate::engine::{Engine, failure};
use crate::session::Inner;
use std::time::Duration;
use tornado_client::DeviceApi;
use tornado_helper_api::{ControlPlane, HelperError, Status};
use tornado_shared::api::{LaneState, Lanes};
use tornado_shared::model::{Lane, Secret};
use tornado_tunnel::state::{Phase, View};

/// How long a connect waits for the server's word on its lanes. The tunnel does not depend on it.
const ASK: Duration = Duration::from_secs(2);

/// The server's latest word on each lane.
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
    /// The word on the lane that carries the traffic. An old word is none: the lane may have changed since.
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
    /// Asks the server which lanes carry traffic. Not to know costs nothing, and is shown as not known. Returns the host
    /// under which lanes are offered now.
    pub(crate) async fn ask_lanes(&self, inner: &mut Inner) -> Option<String> {
        let api = inner.session.as_ref()?.server.api.clone();
        let (states, host) = match tokio::time::timeout(ASK, api.lanes(&inner.access())).await {
            Ok(Ok(lanes)) => (LaneStates::from(&lanes), lanes.host),
            Ok(Err(error)) => {
                tracing::debug!(code = error.code(), "the server did not say which lanes are open");
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

    /// Moves the tunnel to a lane. Whatever fails, the lane that carries the traffic now goes on carrying it.
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

    /// As [`switch_to`](Self::switch_to), and never a new session.
    pub(crate) async fn switch_lane(&self, lane: Lane) -> Result<Status, HelperError> {
        let mut inner = self.inner.lock().await;
        self.connected()?;
        self.switch_to(&mut inner, lane).await
    }

    /// New circuits for what this device begins on the tor lane from now on.
    pub(crate) async fn renew_identity(&self) -> Result<Status, HelperError> {
        let mut inner = self.inner.lock().await;
        self.connected()?;
        if inner.session.is_none() {
            return Err(HelperError::NotConnected);
        }
        let renew = |api: DeviceApi, access: Secret| async move { api.new_identity(&access).await };
        // What ends a login or a session is dealt with by the next heartbeat, which meets the same answer.
        self.asked(&mut inner, renew).await?;
        Ok(self.publish.now())
    }

    fn connected(&self) -> Result<(), HelperError> {
        match self.tunnel.watch().borrow().phase {
            Phase::Connected => Ok(()),
            // Only after a call that was given up in the middle; all others hold the lock until the tunnel is settled.
            Phase::Connecting | Phase::Switching => {
                Err(HelperError::Tunnel("it is changing right now; try again in a moment".into()))
            }
            Phase::Disconnected | Phase::Disconnecting | Phase::Blocked => Err(HelperError::NotConnected),
        }
    }
}

/// Why the tunnel is not on the lane that was asked for, and what carries the traffic instead.
fn not_switched(view: &View) -> HelperError {
    let error = failure(view);
    let (Phase::Connected, Some(kept)) = (view.phase, view.lane) else { return error };
    if let HelperError::NoHandshake(text) = &error {
        return HelperError::NoHandshake(format!("{text}; traffic goes on over the {kept} lane"));
    }
    if let HelperError::Tunnel(text) = &error {
        return HelperError::Tunnel(format!("{text}; traffic goes on over the {kept} lane"));
    }
    error
}
