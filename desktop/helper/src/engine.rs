//! What the helper does when somebody asks: enrol, log in, connect, disconnect, log out.

use crate::account::{Account, Login, Seed, Version};
use crate::publish::{Publisher, unix_now};
use crate::schedule::Schedule;
use crate::store::Store;
use async_trait::async_trait;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Notify, watch};
use tornado_client::{Connection, DeviceApi, DeviceIdentity, Error as ApiError, Offer, Options};
use tornado_helper_api::{
    Connect, ControlPlane, Enroll, Helper, HelperError, Login as LoginInput, Status, TunnelState,
};
use tornado_shared::crypto::identity::{Fingerprint, IdentityKey};
use tornado_shared::invitation::{Invitation, ServerAddress};
use tornado_shared::model::{Lane, PrivateKey, Secret};
use tornado_tunnel::Tunnel;
use tornado_tunnel::plan::{LanePlan, Plan};
use tornado_tunnel::state::{BlockedReason, Failure, View};

/// How long a disconnect or logout waits for the server before it leaves the telling to a task.
const FAREWELL: Duration = Duration::from_secs(3);

/// The helper's work. Calls that need the server take their turn; taking the tunnel down never waits.
pub(crate) struct Engine {
    pub(crate) inner: Arc<Mutex<Inner>>,
    pub(crate) tunnel: Tunnel,
    pub(crate) publish: Publisher,
    /// Told when the keeper has something new to look at.
    pub(crate) wake: Arc<Notify>,
    /// Counts the wishes for no tunnel, so that a connect under way sees that it was overtaken.
    wish: AtomicU64,
}

/// What only one call at a time may touch.
pub(crate) struct Inner {
    store: Store,
    pub(crate) account: Option<Account>,
    /// The store could not be read. Cleared by an enrolment or a logout.
    broken: Option<String>,
    pub(crate) session: Option<Session>,
}

/// A session on the server, with or without a tunnel.
pub(crate) struct Session {
    pub(crate) server: Reached,
    key: PrivateKey,
    connection: Connection,
    lane: Lane,
    pub(crate) schedule: Schedule,
}

/// A server and the addresses at which it is reached.
#[derive(Clone)]
pub(crate) struct Reached {
    pub(crate) api: DeviceApi,
    addresses: Vec<SocketAddr>,
}

impl Engine {
    /// Reads the store. What cannot be read blocks the tunnel; it is not taken for "empty".
    pub(crate) async fn start(store: Store, tunnel: Tunnel) -> Arc<Self> {
        let publish = Publisher::new();
        let (account, broken) = match store.load() {
            Ok(account) => (account, None),
            Err(error) => (None, Some(error.to_string())),
        };
        if let Some(reason) = &broken {
            tracing::error!(reason, "the stored state cannot be read; no tunnel will be made");
            // A stopped tunnel makes none either.
            let _ = tunnel.block(BlockedReason::Store(reason.clone())).await;
        }
        publish.account(account.as_ref());
        publish.tunnel(&tunnel.watch().borrow());
        let inner = Arc::new(Mutex::new(Inner { store, account, broken, session: None }));
        Arc::new(Self { inner, tunnel, publish, wake: Arc::new(Notify::new()), wish: AtomicU64::new(0) })
    }

    /// The helper is ending: the tunnel goes, and the server is told if it answers soon.
    pub(crate) async fn stop(&self) {
        if let Err(error) = self.take_down().await {
            tracing::warn!(%error, "while stopping");
        }
    }

    /// A number that changes when somebody wants no tunnel any more.
    pub(crate) fn wish(&self) -> u64 {
        self.wish.load(Ordering::SeqCst)
    }

    async fn take_down(&self) -> Result<Status, HelperError> {
        self.wish.fetch_add(1, Ordering::SeqCst);
        let view = self.tunnel.disconnect().await.map_err(|e| HelperError::Internal(e.to_string()))?;
        self.publish.tunnel(&view);
        let (inner, publish) = (self.inner.clone(), self.publish.clone());
        // The slot and the addresses are freed at once; should the server not answer, its own timers do it.
        let farewell = tokio::spawn(async move { inner.lock().await.end_session(&publish).await });
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            self.publish.control(ControlPlane::Unreachable);
        }
        Ok(self.publish.now())
    }

    async fn bring_up(&self, lane: Lane) -> Result<Status, HelperError> {
        let wish = self.wish();
        let mut inner = self.inner.lock().await;
        let phase = self.tunnel.watch().borrow().phase;
        if let Some(session) = &mut inner.session
            && phase == tornado_tunnel::state::Phase::Connected
        {
            let view = self.tunnel.switch(lane).await.map_err(|e| HelperError::Internal(e.to_string()))?;
            self.publish.tunnel(&view);
            if view.lane == Some(lane) {
                session.lane = lane;
                self.publish.no_notice();
                return Ok(self.publish.now());
            }
            return Err(failure(&view));
        }
        inner.end_session(&self.publish).await;
        let server = inner.reach(&self.publish).await?;
        let key = PrivateKey::random();
        let connection = inner.initiate(&server, &key).await.map_err(|e| self.report(&e))?;
        let schedule = Schedule::new(connection.heartbeat_ttl, Instant::now(), rand::random());
        inner.session = Some(Session { server, key, connection, lane, schedule });
        let view = inner.apply(&self.tunnel).await;
        let overtaken = self.wish() != wish;
        match view {
            Ok(view) if view.phase == tornado_tunnel::state::Phase::Connected && !overtaken => {
                self.publish.tunnel(&view);
                self.publish.no_notice();
                self.publish.control(ControlPlane::Reachable);
                self.publish.session(inner.session.as_ref().map(|s| s.connection.session_id));
                self.wake.notify_one();
                Ok(self.publish.now())
            }
            other => {
                if overtaken {
                    // Whoever wanted no tunnel may have been answered before ours came up.
                    let _ = self.tunnel.disconnect().await;
                }
                inner.end_session(&self.publish).await;
                match other {
                    Ok(_) if overtaken => Err(HelperError::Tunnel("it was disconnected while connecting".into())),
                    Ok(view) => Err(failure(&view)),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// An API error as callers see it; also noted in the status.
    pub(crate) fn report(&self, error: &ApiError) -> HelperError {
        let control = if error.is_transient() { ControlPlane::Unreachable } else { ControlPlane::Reachable };
        self.publish.control(control);
        self.publish.notice(error.code(), error);
        translate(error)
    }
}

impl Inner {
    /// Applies what the session offers to the tunnel.
    pub(crate) async fn apply(&self, tunnel: &Tunnel) -> Result<View, HelperError> {
        let session = self.session.as_ref().ok_or(HelperError::NotLoggedIn)?;
        let login = self.account.as_ref().and_then(|a| a.login.as_ref()).ok_or(HelperError::NotLoggedIn)?;
        let plan = plan(session, login).await?;
        tunnel.connect(plan).await.map_err(|e| HelperError::Internal(e.to_string()))
    }

    /// Asks for a session; renews the access token when the server wants a fresh one.
    pub(crate) async fn initiate(&mut self, server: &Reached, key: &PrivateKey) -> Result<Connection, ApiError> {
        self.renew_if_due(&server.api).await?;
        let mut answer = server.api.initiate(&self.access(), key.public_key()).await;
        if answer.as_ref().is_err_and(ApiError::wants_fresh_token) {
            self.renew(&server.api).await?;
            answer = server.api.initiate(&self.access(), key.public_key()).await;
        }
        match answer {
            // This login derived preshared keys. Who says there are none wants the tunnel weaker.
            Ok(connection) if !connection.preshared => {
                // The session that was just made is of no use; the server's timers end it otherwise.
                let _ = server.api.disconnect(&self.access()).await;
                Err(ApiError::Downgrade("a tunnel without preshared keys"))
            }
            Ok(connection) => Ok(connection),
            Err(error) => {
                self.forget_login_if_over(&error);
                Err(error)
            }
        }
    }

    /// Asks again with the same key. True when the offer is another than before.
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

    pub(crate) fn session_id(&self) -> Option<tornado_shared::model::SessionId> {
        self.session.as_ref().map(|s| s.connection.session_id)
    }

    pub(crate) fn access(&self) -> Secret {
        self.account.as_ref().and_then(|a| a.login.as_ref()).map(|l| l.access.clone()).unwrap_or_default()
    }

    pub(crate) async fn renew_if_due(&mut self, api: &DeviceApi) -> Result<(), ApiError> {
        let login = self.account.as_ref().and_then(|a| a.login.as_ref());
        if login.is_some_and(|l| crate::schedule::is_due(l.access_expires_at, unix_now())) {
            self.renew(api).await?;
        }
        Ok(())
    }

    /// Trades the refresh token. The new pair is on disk before it is used: the old one is spent.
    pub(crate) async fn renew(&mut self, api: &DeviceApi) -> Result<(), ApiError> {
        let Some(login) = self.account.as_mut().and_then(|a| a.login.as_mut()) else { return Ok(()) };
        match api.reauth(&login.refresh.clone()).await {
            Ok(tokens) => {
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

    /// Tokens go only when the server itself says that the login is over.
    pub(crate) fn forget_login_if_over(&mut self, error: &ApiError) {
        if error.ends_login()
            && let Some(account) = &mut self.account
        {
            tracing::warn!(code = error.code(), "the server ended this login");
            account.login = None;
            self.save();
        }
    }

    fn save(&self) {
        if let Some(account) = &self.account
            && let Err(error) = self.store.save(account)
        {
            // The login goes on in memory; after a restart the old tokens may be spent.
            tracing::error!(%error, "the login could not be stored");
        }
    }

    /// Tells the server that the session is over. Failing is no harm: its timers end it.
    pub(crate) async fn end_session(&mut self, publish: &Publisher) {
        let Some(session) = self.session.take() else { return };
        publish.session(None);
        let told = tokio::time::timeout(FAREWELL, session.server.api.disconnect(&self.access())).await;
        match told {
            Ok(Ok(_)) => publish.control(ControlPlane::Reachable),
            Ok(Err(error)) if error.is_session_expired() => {}
            Ok(Err(error)) => tracing::info!(%error, "the server was not told of the disconnect"),
            Err(_) => tracing::info!("the server was not told of the disconnect in time"),
        }
    }

    /// The enrolled server, proved. When its TLS key has changed, the pinned identity must vouch for the new one.
    pub(crate) async fn reach(&mut self, publish: &Publisher) -> Result<Reached, HelperError> {
        if let Some(reason) = &self.broken {
            return Err(HelperError::Blocked(reason.clone()));
        }
        let account = self.account.as_ref().ok_or(HelperError::NotEnrolled)?;
        if account.login.is_none() {
            return Err(HelperError::NotLoggedIn);
        }
        let address = account.address().map_err(|e| HelperError::Internal(e.to_string()))?;
        let (identity, tls) = (account.identity, account.tls);
        let reached = reach(&address, identity, Some(tls)).await.inspect_err(|error| {
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

/// Resolves, connects, and checks the server's statement.
async fn reach(
    address: &ServerAddress,
    identity: Fingerprint,
    tls: Option<Fingerprint>,
) -> Result<Reached, HelperError> {
    let addresses = resolve(address).await?;
    let options = Options { addresses: addresses.clone(), call_timeout: Duration::from_secs(15), ..Options::default() };
    if let Some(tls) = tls {
        let api = DeviceApi::pinned(address, identity, tls, &options).map_err(|e| translate(&e))?;
        match api.server_info().await {
            Ok(_) => return Ok(Reached { api, addresses }),
            // The key may have been renewed: ask the identity.
            Err(ApiError::WrongCertificate | ApiError::WrongServer(_)) => {}
            Err(error) => return Err(translate(&error)),
        }
    }
    let api = DeviceApi::discover(address, identity, &options).await.map_err(|e| translate(&e))?;
    Ok(Reached { api, addresses })
}

/// All addresses of a host. Names are not logged.
async fn resolve(address: &ServerAddress) -> Result<Vec<SocketAddr>, HelperError> {
    let unreachable = |detail: String| HelperError::Unreachable { detail, retry_after: None };
    let look = tokio::net::lookup_host((address.host.as_str(), address.port));
    let found = tokio::time::timeout(Duration::from_secs(8), look)
        .await
        .map_err(|_| unreachable(format!("the name {} could not be resolved in time", address.host)))?
        .map_err(|e| unreachable(format!("the name {} could not be resolved: {e}", address.host)))?;
    let found: Vec<SocketAddr> = found.take(8).collect();
    if found.is_empty() {
        return Err(unreachable(format!("the name {} has no address", address.host)));
    }
    Ok(found)
}

async fn plan(session: &Session, login: &Login) -> Result<Plan, HelperError> {
    let mut lanes = Vec::with_capacity(2);
    for lane in Lane::ALL {
        let offer = session.connection.on(lane);
        let preshared_key = Some(login.export().preshared_key(lane, &session.key.public_key()));
        lanes.push(LanePlan {
            addresses: vec![offer.v4.into(), offer.v6.into()],
            peer: offer.server_key,
            preshared_key,
            endpoint: endpoint(offer).await?,
            mtu: offer.mtu,
        });
    }
    let [direct, tor] = <[LanePlan; 2]>::try_from(lanes).map_err(|_| HelperError::Internal("lanes".into()))?;
    let api = session.server.addresses.clone();
    Ok(Plan { private_key: session.key.clone(), lane: session.lane, direct, tor, api })
}

/// The first of an endpoint's addresses to which this machine has a route. A connected UDP socket asks the
/// routing table and sends nothing (`connect(2)`).
async fn endpoint(offer: &Offer) -> Result<SocketAddr, HelperError> {
    let found = resolve(&offer.endpoint).await?;
    for address in &found {
        let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
        if let Ok(socket) = tokio::net::UdpSocket::bind(any).await
            && socket.connect(address).await.is_ok()
        {
            return Ok(*address);
        }
    }
    Err(HelperError::Unreachable {
        detail: "this machine has no route to the lane's endpoint".into(),
        retry_after: None,
    })
}

/// Why a tunnel is not up.
fn failure(view: &View) -> HelperError {
    if let Some(reason) = &view.blocked {
        return HelperError::Blocked(reason.to_string());
    }
    match &view.failure {
        Some(failure @ Failure::NoHandshake(_)) => HelperError::NoHandshake(failure.to_string()),
        Some(failure @ (Failure::Link(_) | Failure::Routing(_))) => HelperError::Tunnel(failure.to_string()),
        None => HelperError::Tunnel("it was taken down".into()),
    }
}

/// An API error in the contract's words.
pub(crate) fn translate(error: &ApiError) -> HelperError {
    let text = error.to_string();
    match error {
        ApiError::Unreachable(_) | ApiError::Timeout | ApiError::Busy { .. } => {
            let retry_after = error.retry_after().map(|after| after.as_secs());
            HelperError::Unreachable { detail: text, retry_after }
        }
        ApiError::Refused { code, detail, .. } => HelperError::Refused { code: code.clone(), detail: detail.clone() },
        ApiError::WrongCertificate
        | ApiError::WrongServer(_)
        | ApiError::Crypto(_)
        | ApiError::Malformed(_)
        | ApiError::Offer(_)
        | ApiError::Downgrade(_) => HelperError::Untrusted(text),
        ApiError::Setup(_) => HelperError::Internal(text),
    }
}

#[async_trait]
impl Helper for Engine {
    async fn enroll(&self, input: Enroll) -> Result<Status, HelperError> {
        let invitation: Invitation =
            input.link.expose().parse().map_err(|e| HelperError::BadInvitation(format!("{e}")))?;
        self.take_down().await?;
        let mut inner = self.inner.lock().await;
        // The same server again: this stays the same device there.
        let same = inner.account.as_ref().filter(|a| a.identity == invitation.identity);
        let seed = same.map_or_else(|| Seed::new(*IdentityKey::random().expose_seed()), |a| a.device.clone());
        let device = DeviceIdentity::new(&IdentityKey::from_seed(seed.expose()), input.device_name.clone());
        let server = reach(&invitation.server, invitation.identity, invitation.tls).await?;
        let now = unix_now();
        let answer = server.api.enroll(&invitation, &device, input.username, &input.password, now).await;
        let welcome = answer.map_err(|e| self.report(&e))?;
        if inner.broken.is_some() {
            inner.store.set_aside().map_err(|e| HelperError::Internal(e.to_string()))?;
        }
        let account = Account {
            version: Version,
            server: invitation.server.to_string(),
            identity: invitation.identity,
            tls: server.api.tls(),
            device: seed,
            device_name: input.device_name,
            username: welcome.payload.user.username.to_string(),
            login: Some(Login::new(&welcome, now)),
        };
        inner.settle(account, self).await
    }

    async fn login(&self, input: LoginInput) -> Result<Status, HelperError> {
        self.take_down().await?;
        let mut inner = self.inner.lock().await;
        if let Some(reason) = &inner.broken {
            return Err(HelperError::Blocked(reason.clone()));
        }
        let mut account = inner.account.clone().ok_or(HelperError::NotEnrolled)?;
        if let Some(server) = input.server {
            let address: ServerAddress = server.parse().map_err(|e| HelperError::Malformed(format!("{e}")))?;
            account.server = address.to_string();
        }
        let address = account.address().map_err(|e| HelperError::Internal(e.to_string()))?;
        let server = reach(&address, account.identity, Some(account.tls)).await?;
        let name = input.username.unwrap_or_else(|| account.username.clone());
        let now = unix_now();
        let answer = server.api.login(&account.device(), &name, &input.password, now).await;
        let welcome = answer.map_err(|e| self.report(&e))?;
        account.tls = server.api.tls();
        account.username = welcome.payload.user.username.to_string();
        account.login = Some(Login::new(&welcome, now));
        inner.settle(account, self).await
    }

    async fn connect(&self, input: Connect) -> Result<Status, HelperError> {
        self.bring_up(input.lane).await
    }

    async fn disconnect(&self) -> Result<Status, HelperError> {
        let status = self.take_down().await?;
        self.publish.no_notice();
        Ok(if status.state == TunnelState::Disconnected { self.publish.now() } else { status })
    }

    async fn logout(&self) -> Result<Status, HelperError> {
        self.take_down().await?;
        let mut inner = self.inner.lock().await;
        if inner.broken.take().is_some() {
            inner.store.set_aside().map_err(|e| HelperError::Internal(e.to_string()))?;
            let view = self.tunnel.unblock().await.map_err(|e| HelperError::Internal(e.to_string()))?;
            self.publish.tunnel(&view);
            return Ok(self.publish.now());
        }
        let Some(account) = &mut inner.account else { return Ok(self.publish.now()) };
        let (address, identity, tls) = (account.address(), account.identity, account.tls);
        self.publish.no_notice();
        if let (Some(login), Ok(address)) = (account.login.take(), address) {
            let farewell = async {
                let server = reach(&address, identity, Some(tls)).await?;
                server.api.logout(&login.refresh).await.map_err(|e| translate(&e))
            };
            // The user wants to be logged out here whatever the server says; the tokens end by themselves.
            if !matches!(tokio::time::timeout(FAREWELL, farewell).await, Ok(Ok(()))) {
                self.publish.notice("server_not_told", "logged out here, but the server could not be told");
            }
        }
        inner.save();
        self.publish.account(inner.account.as_ref());
        Ok(self.publish.now())
    }

    fn watch(&self) -> watch::Receiver<Status> {
        self.publish.watch()
    }
}

impl Inner {
    /// Keeps a new login.
    async fn settle(&mut self, account: Account, engine: &Engine) -> Result<Status, HelperError> {
        self.store.save(&account).map_err(|e| HelperError::Internal(format!("the login could not be stored: {e}")))?;
        self.account = Some(account);
        if self.broken.take().is_some() {
            let view = engine.tunnel.unblock().await.map_err(|e| HelperError::Internal(e.to_string()))?;
            engine.publish.tunnel(&view);
        }
        engine.publish.account(self.account.as_ref());
        engine.publish.control(ControlPlane::Reachable);
        engine.publish.no_notice();
        Ok(engine.publish.now())
    }
}
