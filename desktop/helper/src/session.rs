//! State that one call at a time may use: the login and the session on the server.

use crate::account::{Account, Login};
use crate::lookup::Resolver;
use crate::network::Changes;
use crate::publish::{Publisher, unix_now};
use crate::reach::{Reached, endpoints, reach};
use crate::schedule::Schedule;
use crate::store::Store;
use crate::wish::{Wanted, Wishes};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;
use tornado_client::{Connection, DeviceApi, Error as ApiError};
use tornado_helper_api::{ControlPlane, HelperError};
use tornado_rpc::ServiceError as _;
use tornado_shared::model::{Lane, PrivateKey, Secret, SessionId};
use tornado_tunnel::Tunnel;
use tornado_tunnel::plan::{LanePlan, Plan};
use tornado_tunnel::state::{Phase, View};

/// How long a disconnect or logout waits for the server before a background task completes it.
pub(crate) const FAREWELL: Duration = Duration::from_secs(3);

/// State that one call at a time may use.
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) account: Option<Account>,
    /// Why the store could not be read. Cleared by an enrolment or a logout.
    pub(crate) broken: Option<String>,
    pub(crate) session: Option<Session>,
    pub(crate) resolver: Resolver,
    changes: Changes,
}

/// The error that the server would return for a call without a token, with advice for the user.
fn login_is_over() -> ApiError {
    let detail = "the server has ended this login; log in again with `tornado login`".to_owned();
    ApiError::Refused { status: 401, code: "revoked".to_owned(), detail, retry_after: None }
}

/// A session on the server, with or without a tunnel.
pub(crate) struct Session {
    pub(crate) server: Reached,
    pub(crate) key: PrivateKey,
    pub(crate) connection: Connection,
    pub(crate) lane: Lane,
    pub(crate) schedule: Schedule,
}

impl Inner {
    pub(crate) const fn new(
        store: Store,
        account: Option<Account>,
        broken: Option<String>,
        resolver: Resolver,
        changes: Changes,
    ) -> Self {
        Self { store, account, broken, session: None, resolver, changes }
    }

    /// Applies the session's offer to the tunnel. The desired state is stored before anything is changed.
    pub(crate) async fn apply(&mut self, tunnel: &Tunnel, wishes: &Wishes) -> Result<View, HelperError> {
        let session = self.session.as_ref().ok_or(HelperError::NotLoggedIn)?;
        let login = self.account.as_ref().and_then(|a| a.login.as_ref()).ok_or(HelperError::NotLoggedIn)?;
        let plan = plan(session, login, &mut self.resolver).await?;
        let first = plan.on(plan.lane).endpoint;
        let ways = Lane::ALL.into_iter().flat_map(|lane| plan.on(lane).endpoints().map(|at| at.ip()));
        self.changes.watch_ways_to(ways.chain(plan.api.iter().map(SocketAddr::ip)));
        let stored = wishes.want(Wanted::new(&plan, self.resolver.hosts().clone()));
        stored.map_err(|e| HelperError::Internal(format!("cannot store the desired state of the tunnel: {e}")))?;
        let view = tunnel.connect(plan).await.map_err(|e| HelperError::Internal(e.to_string()))?;
        if view.phase == Phase::Connected && view.failure.is_none() {
            self.resolver.answered = view.endpoint.map(|at| at.ip());
            if view.endpoint.is_some_and(|at| at != first) {
                tracing::info!(%first, "this address of the server did not respond over the lane; another one did");
            }
        }
        Ok(view)
    }

    /// Requests a session; refreshes the access token if the server rejects it as expired.
    pub(crate) async fn initiate(&mut self, server: &Reached, key: &PrivateKey) -> Result<Connection, ApiError> {
        self.renew_if_due(&server.api).await?;
        let mut answer = server.api.initiate(&self.access(), key.public_key()).await;
        if answer.as_ref().is_err_and(ApiError::wants_fresh_token) {
            self.renew(&server.api).await?;
            answer = server.api.initiate(&self.access(), key.public_key()).await;
        }
        match answer {
            // This login can derive preshared keys, so a server that reports none weakens the tunnel.
            Ok(connection) if !connection.preshared => {
                // The new session is of no use. If this call fails, the server's timers end it.
                let _ = server.api.disconnect(&self.access()).await;
                Err(ApiError::Downgrade("a tunnel without preshared keys"))
            }
            Ok(connection) => {
                self.note_offered(&connection.direct.endpoint.host);
                Ok(connection)
            }
            Err(error) => {
                self.forget_login_if_over(&error);
                Err(error)
            }
        }
    }

    /// Requests the session again with the same key. Returns true if the offer changed.
    pub(crate) async fn initiate_again(&mut self) -> Result<bool, ApiError> {
        let Some(session) = &self.session else { return Ok(false) };
        let (server, key) = (session.server.clone(), session.key.clone());
        let connection = self.initiate(&server, &key).await?;
        let Some(session) = &mut self.session else { return Ok(false) };
        let (old, new) = (&session.connection, &connection);
        let changed = (&old.direct, &old.tor) != (&new.direct, &new.tor);
        session.connection = connection;
        Ok(changed)
    }

    /// Stores the host of the server's offer. The device API is also tried at that host if the enrolled address fails.
    /// The pinned key is expected there too.
    pub(crate) fn note_offered(&mut self, host: &str) {
        if self.account.as_mut().is_some_and(|account| account.note_offered(host)) {
            tracing::info!("the server reported another address than the enrolled one; both will be tried");
            self.save();
        }
    }

    /// Makes the next heartbeat due now.
    pub(crate) fn heartbeat_now(&mut self) {
        if let Some(session) = &mut self.session {
            session.schedule.hurry(Instant::now());
        }
    }

    pub(crate) fn is_logged_in(&self) -> bool {
        self.account.as_ref().is_some_and(|account| account.login.is_some())
    }

    pub(crate) fn session_id(&self) -> Option<SessionId> {
        self.session.as_ref().map(|s| s.connection.session_id)
    }

    pub(crate) fn access(&self) -> Secret {
        self.account.as_ref().and_then(|a| a.login.as_ref()).map(|l| l.access.clone()).unwrap_or_default()
    }

    /// Runs `call` with the access token, refreshed where needed.
    pub(crate) async fn authorised<T, F: Future<Output = Result<T, ApiError>>>(
        &mut self,
        api: &DeviceApi,
        call: impl Fn(DeviceApi, Secret) -> F,
    ) -> Result<T, ApiError> {
        self.renew_if_due(api).await?;
        let mut outcome = call(api.clone(), self.access()).await;
        if outcome.as_ref().is_err_and(ApiError::wants_fresh_token) {
            self.renew(api).await?;
            outcome = call(api.clone(), self.access()).await;
        }
        outcome
    }

    /// Refreshes the access token if it is about to expire. Fails if there is none: another call may have ended the
    /// login while this one waited.
    pub(crate) async fn renew_if_due(&mut self, api: &DeviceApi) -> Result<(), ApiError> {
        let login = self.account.as_ref().and_then(|a| a.login.as_ref()).ok_or_else(login_is_over)?;
        if crate::schedule::is_due(login.access_expires_at, unix_now()) {
            self.renew(api).await?;
        }
        Ok(())
    }

    /// Exchanges the refresh token for a new pair. The idempotency key is stored before the request is sent, so that a
    /// request whose response is lost can be repeated. The new pair is stored before it is used, because the old one is
    /// spent.
    pub(crate) async fn renew(&mut self, api: &DeviceApi) -> Result<(), ApiError> {
        let login = self.account.as_mut().and_then(|a| a.login.as_mut()).ok_or_else(login_is_over)?;
        let (refresh, attempt) = (login.refresh.clone(), login.attempt());
        self.save();
        match api.reauth(&refresh, attempt).await {
            Ok(tokens) => {
                let Some(login) = self.account.as_mut().and_then(|a| a.login.as_mut()) else { return Ok(()) };
                login.renew(&tokens, unix_now());
                self.save();
                Ok(())
            }
            Err(error) => {
                self.forget_login_if_over(&error);
                Err(error)
            }
        }
    }

    /// Deletes the tokens, but only if the server states that the login has ended.
    pub(crate) fn forget_login_if_over(&mut self, error: &ApiError) {
        if error.ends_login()
            && let Some(account) = &mut self.account
        {
            tracing::warn!(code = error.code(), "the server ended this login");
            account.login = None;
            self.save();
        }
    }

    pub(crate) fn save(&self) {
        if let Some(account) = &self.account
            && let Err(error) = self.store.save(account)
        {
            // The login stays usable in memory. After a restart, the stored tokens may be spent.
            tracing::error!(%error, "cannot store the login");
        }
    }

    /// Closes the session on the server. If that fails, the server's timers end it.
    pub(crate) async fn end_session(&mut self, publish: &Publisher) {
        let Some(session) = self.session.take() else { return };
        publish.session(None);
        let told = tokio::time::timeout(FAREWELL, session.server.api.disconnect(&self.access())).await;
        match told {
            Ok(Ok(_)) => publish.control(ControlPlane::Reachable),
            Ok(Err(error)) if error.is_session_expired() => {}
            Ok(Err(error)) => tracing::info!(%error, "cannot close the session on the server"),
            Err(_) => tracing::info!("the server did not confirm the disconnect in time"),
        }
    }

    /// The enrolled server, verified. If its TLS key changed, the pinned identity must have signed the new one.
    pub(crate) async fn reach(&mut self, publish: &Publisher) -> Result<Reached, HelperError> {
        if let Some(reason) = &self.broken {
            return Err(HelperError::Blocked(reason.clone()));
        }
        let account = self.account.as_ref().ok_or(HelperError::NotEnrolled)?;
        if account.login.is_none() {
            return Err(HelperError::NotLoggedIn);
        }
        let addresses = account.addresses().map_err(|e| HelperError::Internal(e.to_string()))?;
        let (identity, tls) = (account.identity, account.tls);
        let reached = reach(&mut self.resolver, &addresses, identity, Some(tls)).await.inspect_err(|error| {
            publish.control(ControlPlane::Unreachable);
            publish.notice(error.code(), error);
        })?;
        if let Some(account) = &mut self.account
            && account.tls != reached.api.tls()
        {
            account.tls = reached.api.tls();
            self.save();
        }
        Ok(reached)
    }
}

async fn plan(session: &Session, login: &Login, resolver: &mut Resolver) -> Result<Plan, HelperError> {
    let mut lanes = Vec::with_capacity(2);
    for lane in Lane::ALL {
        let offer = session.connection.on(lane);
        let mut endpoints = endpoints(resolver, offer, &session.server.addresses).await?;
        let endpoint = endpoints.remove(0);
        let preshared_key = Some(login.export().preshared_key(lane, &session.key.public_key()));
        lanes.push(LanePlan {
            addresses: vec![offer.v4.into(), offer.v6.into()],
            peer: offer.server_key,
            preshared_key,
            endpoint,
            others: endpoints,
            mtu: offer.mtu,
            dns: offer.resolvers(),
        });
    }
    let [direct, tor] = <[LanePlan; 2]>::try_from(lanes)
        .map_err(|_| HelperError::Internal("the plan does not have two lanes".into()))?;
    let api = session.server.addresses.clone();
    Ok(Plan { private_key: session.key.clone(), lane: session.lane, direct, tor, api })
}
