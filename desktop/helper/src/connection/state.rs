//! The login, the session and the tunnel together. One call at a time uses them.

use super::control::{TunnelControl, failure, not_switched};
use super::policy::PolicyControl;
use super::session::{CLOSE_TIMEOUT, Session};
use crate::account::{Credentials, DesiredTunnel};
use crate::network::Changes;
use crate::server::{Resolver, VerifiedServer, reach, translate};
use crate::status::{LaneStates, Publisher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tornado_client::{Connection as Offer, DeviceApi, Error as ApiError};
use tornado_helper_api::{Choice, ControlPlane, HelperError, ProfileName, Profiles, Status};
use tornado_rpc::ServiceError as _;
use tornado_shared::model::{DeviceId, Lane, PrivateKey, Secret, SessionId};
use tornado_tunnel::state::{Phase, View};

/// How long a connect waits for the server to report its lanes. The tunnel does not depend on it.
const LANES_TIMEOUT: Duration = Duration::from_secs(2);

/// State that one call at a time may use.
pub(crate) struct Connection {
    pub(super) credentials: Credentials,
    pub(super) session: Option<Session>,
    pub(super) resolver: Resolver,
    pub(super) control: Arc<TunnelControl>,
    policy: Arc<PolicyControl>,
    pub(super) publish: Publisher,
    changes: Changes,
    /// Wakes the maintenance task after a change of the login or the session.
    pub(super) wake: Arc<Notify>,
}

impl Connection {
    pub(crate) fn new(
        credentials: Credentials,
        resolver: Resolver,
        (control, policy): (Arc<TunnelControl>, Arc<PolicyControl>),
        publish: Publisher,
        changes: Changes,
        wake: Arc<Notify>,
    ) -> Self {
        publish.account(credentials.account());
        Self { credentials, session: None, resolver, control, policy, publish, changes, wake }
    }

    pub(crate) const fn has_session(&self) -> bool {
        self.session.is_some()
    }

    /// The ID of this device, if it is logged in.
    pub(crate) fn device_id(&self) -> Option<DeviceId> {
        self.credentials.login().map(|login| login.device_id)
    }

    pub(super) fn session_id(&self) -> Option<SessionId> {
        self.session.as_ref().map(|session| session.offer.session_id)
    }

    fn session_api(&self) -> Result<DeviceApi, ApiError> {
        let api = self.session.as_ref().map(|session| session.server.api.clone());
        api.ok_or_else(|| ApiError::Setup("there is no session".into()))
    }

    /// Connects the tunnel, or switches its lane if it is up. `disconnects` is the number of disconnect requests when
    /// the call arrived.
    pub(crate) async fn connect(&mut self, lane: Lane, disconnects: u64) -> Result<Status, HelperError> {
        if self.has_session() && self.control.phase() == Phase::Connected {
            return self.switch_lane(lane).await;
        }
        let is_retry = self.control.needs_retry();
        self.close_session().await;
        let server = self.reach().await?;
        let key = PrivateKey::random();
        let offer = self.initiate(&server, &key).await.map_err(|e| self.report(&e))?;
        self.session = Some(Session::new(server, key, offer, lane));
        self.query_lanes().await;
        let view = self.apply().await;
        let superseded = self.control.disconnects() != disconnects;
        match view {
            Ok(view) if view.phase == Phase::Connected && !superseded => {
                self.publish.tunnel(&view);
                self.publish.chosen(Choice::Connect);
                self.publish.clear_notice();
                self.publish.control(ControlPlane::Reachable);
                self.publish.session(self.session_id());
                self.wake.notify_one();
                Ok(self.publish.now())
            }
            other => {
                if superseded {
                    self.control.remove_superseded().await;
                }
                self.close_session().await;
                if superseded || !(is_retry || self.control.keeps_blocking()) {
                    self.control.clear_desired();
                }
                match other {
                    Ok(_) if superseded => {
                        Err(HelperError::Tunnel("a disconnect was requested while connecting".into()))
                    }
                    Ok(view) => Err(failure(&view)),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// Switches the tunnel to `lane` within its session. On failure, the tunnel stays on its current lane.
    pub(crate) async fn switch_lane(&mut self, lane: Lane) -> Result<Status, HelperError> {
        let Some(session) = &mut self.session else { return Err(HelperError::NotConnected) };
        let view = self.control.switch(lane).await?;
        if view.lane != Some(lane) || view.phase != Phase::Connected {
            return Err(not_switched(&view));
        }
        session.lane = lane;
        self.control.set_desired_lane(lane);
        self.publish.clear_notice();
        self.query_lanes().await;
        Ok(self.publish.now())
    }

    pub(crate) fn profiles(&self) -> Result<Profiles, HelperError> {
        self.credentials.profiles()
    }

    /// Fails if the profile is in use, does not exist or cannot be read.
    pub(crate) fn require_profile(&self, name: &ProfileName) -> Result<(), HelperError> {
        self.credentials.unused_profile(name).map(drop)
    }

    /// Allows the helper to look for a server at this port, also while traffic is blocked.
    pub(super) async fn permit_port(&self, port: u16) -> Result<(), HelperError> {
        let enrolled = self.credentials.account().and_then(|account| account.address().ok());
        self.policy.permit_ports(enrolled.map(|address| address.port), port).await
    }

    /// Closes the session on the server. If that fails, the server's timers end it.
    pub(crate) async fn close_session(&mut self) {
        let Some(session) = self.session.take() else { return };
        self.publish.session(None);
        let access = self.credentials.access();
        match tokio::time::timeout(CLOSE_TIMEOUT, session.server.api.disconnect(&access)).await {
            Ok(Ok(_)) => self.publish.control(ControlPlane::Reachable),
            Ok(Err(error)) if error.is_session_expired() => {}
            Ok(Err(error)) => tracing::info!(%error, "cannot close the session on the server"),
            Err(_) => tracing::info!("the server did not confirm the disconnect in time"),
        }
    }

    /// Queries the server for the states of its lanes. A failure has no consequence except that the states are shown as
    /// unknown. Returns the host at which the server offers its lanes now.
    pub(super) async fn query_lanes(&mut self) -> Option<String> {
        let api = self.session_api().ok()?;
        let (states, host) = match tokio::time::timeout(LANES_TIMEOUT, api.lanes(&self.credentials.access())).await {
            Ok(Ok(lanes)) => (LaneStates::from(&lanes), lanes.host),
            Ok(Err(error)) => {
                tracing::debug!(code = error.code(), "the server did not report the states of its lanes");
                (LaneStates::default(), None)
            }
            Err(_) => (LaneStates::default(), None),
        };
        self.publish.lanes(states);
        if let Some(host) = &host {
            self.credentials.set_offered_host(host);
        }
        host
    }

    /// Calls the session's server, or the enrolled server if there is no session. If its TLS key changed in the
    /// meantime, verifies the new key with the pinned identity first.
    pub(crate) async fn call_server<T, F: Future<Output = Result<T, ApiError>>>(
        &mut self,
        call: impl Fn(DeviceApi, Secret) -> F,
    ) -> Result<T, HelperError> {
        let api = match self.session_api() {
            Ok(api) => api,
            Err(_) => self.reach().await?.api,
        };
        let mut outcome = self.credentials.authorised(&api, &call).await;
        if matches!(outcome, Err(ApiError::WrongCertificate)) {
            let server = self.reach().await?;
            let api = server.api.clone();
            self.set_server(server);
            outcome = self.credentials.authorised(&api, &call).await;
        }
        outcome.map_err(|error| translate(&error))
    }

    /// Calls the session's server. Fails without a session.
    pub(crate) async fn call_session<T, F: Future<Output = Result<T, ApiError>>>(
        &mut self,
        call: impl Fn(DeviceApi, Secret) -> F,
    ) -> Result<T, ApiError> {
        let api = self.session_api()?;
        self.credentials.authorised(&api, call).await
    }

    /// The session's server and a fresh access token, for a call that does not hold the lock.
    pub(crate) async fn session_access(&mut self) -> Result<(DeviceApi, Secret), ApiError> {
        let api = self.session_api()?;
        self.credentials.refresh_if_due(&api).await?;
        Ok((api, self.credentials.access()))
    }

    pub(super) fn set_server(&mut self, server: VerifiedServer) {
        if let Some(session) = &mut self.session {
            session.server = server;
        }
    }

    /// The enrolled server, verified. If its TLS key changed, the pinned identity must have signed the new one.
    pub(super) async fn reach(&mut self) -> Result<VerifiedServer, HelperError> {
        let account = self.credentials.enrolled()?;
        if account.login.is_none() {
            return Err(HelperError::NotLoggedIn);
        }
        let addresses = account.addresses().map_err(|e| HelperError::Internal(e.to_string()))?;
        let (identity, tls) = (account.identity, account.tls);
        let reached = reach(&mut self.resolver, &addresses, identity, Some(tls)).await;
        let server = reached.inspect_err(|error| {
            self.publish.control(ControlPlane::Unreachable);
            self.publish.notice(error.code(), error);
        })?;
        self.credentials.set_tls(server.api.tls());
        Ok(server)
    }

    /// Requests a session; refreshes the access token if the server rejects it as expired.
    async fn initiate(&mut self, server: &VerifiedServer, key: &PrivateKey) -> Result<Offer, ApiError> {
        let public = key.public_key();
        let initiate = |api: DeviceApi, access: Secret| async move { api.initiate(&access, public).await };
        match self.credentials.authorised(&server.api, initiate).await {
            // This login can derive preshared keys, so a server that reports none weakens the tunnel.
            Ok(offer) if !offer.preshared => {
                // The new session is of no use. If this call fails, the server's timers end it.
                let _ = server.api.disconnect(&self.credentials.access()).await;
                Err(ApiError::Downgrade("a tunnel without preshared keys"))
            }
            Ok(offer) => {
                self.credentials.set_offered_host(&offer.direct.endpoint.host);
                Ok(offer)
            }
            Err(error) => {
                self.credentials.end_login_if_revoked(&error);
                Err(error)
            }
        }
    }

    /// Requests the session again with the same key. Returns true if the offer changed.
    pub(super) async fn renew_session(&mut self) -> Result<bool, ApiError> {
        let Some(session) = &self.session else { return Ok(false) };
        let (server, key) = (session.server.clone(), session.key.clone());
        let offer = self.initiate(&server, &key).await?;
        let Some(session) = &mut self.session else { return Ok(false) };
        let (old, new) = (&session.offer, &offer);
        let changed = (&old.direct, &old.tor) != (&new.direct, &new.tor);
        session.offer = offer;
        Ok(changed)
    }

    /// Applies the session's offer to the tunnel. The desired state is stored before anything is changed.
    pub(super) async fn apply(&mut self) -> Result<View, HelperError> {
        let session = self.session.as_ref().ok_or(HelperError::NotLoggedIn)?;
        let login = self.credentials.login().ok_or(HelperError::NotLoggedIn)?;
        let plan = session.plan(login, &mut self.resolver).await?;
        let first = plan.on(plan.lane).endpoint;
        let endpoints = Lane::ALL.into_iter().flat_map(|lane| plan.on(lane).endpoints().map(|at| at.ip()));
        self.changes.set_targets(endpoints.chain(plan.api.iter().map(SocketAddr::ip)));
        let desired = DesiredTunnel::new(&plan, self.resolver.hosts().clone());
        let view = self.control.connect(plan, desired).await?;
        if view.phase == Phase::Connected && view.failure.is_none() {
            self.resolver.set_last_responding(view.endpoint.map(|at| at.ip()));
            if view.endpoint.is_some_and(|at| at != first) {
                tracing::info!(%first, "this address of the server did not respond over the lane; another one did");
            }
        }
        Ok(view)
    }

    /// When the next heartbeat is due, if there is a session.
    pub(crate) fn next_heartbeat(&self) -> Option<Instant> {
        self.session.as_ref().map(|session| session.schedule.due())
    }

    /// Makes the next heartbeat due now.
    pub(crate) fn heartbeat_now(&mut self) {
        if let Some(session) = &mut self.session {
            session.schedule.make_due(Instant::now());
        }
    }

    /// Converts an API error for callers, and records it in the status.
    pub(super) fn report(&self, error: &ApiError) -> HelperError {
        let control = if error.is_transient() { ControlPlane::Unreachable } else { ControlPlane::Reachable };
        self.publish.control(control);
        self.publish.notice(error.code(), error);
        translate(error)
    }
}
