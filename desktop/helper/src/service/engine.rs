//! Composes the helper. One call at a time talks to the server, but a disconnect never waits for it.

use super::queries::Queries;
use crate::account::{Credentials, DesiredState, DesiredTunnel, FoundPolicy, Store, load_policy, lockdown_at_start};
use crate::connection::{CLOSE_TIMEOUT, Connection, PolicyControl, TunnelControl, exempt};
use crate::network::Changes;
use crate::server::{OwnResolvers, Resolver};
use crate::status::Publisher;
use std::sync::Arc;
use tokio::sync::{Mutex, Notify, watch};
use tornado_helper_api::{ControlPlane, HelperError, Status};
use tornado_shared::model::LockdownMode;
use tornado_tunnel::Tunnel;
use tornado_tunnel::policy::StandingPolicy;
use tornado_tunnel::state::Lockdown;

/// State that the store contains at startup.
pub(crate) struct Found {
    store: Store,
    credentials: Credentials,
    desired: Option<DesiredTunnel>,
    policy: FoundPolicy,
    /// Lockdown until a tunnel is up or the user acts; `None` if traffic is not to be blocked.
    pub(crate) lockdown: Option<Lockdown>,
}

impl Found {
    /// Reads the store. A file that cannot be read activates lockdown; it is not treated as absent.
    pub(crate) fn read(store: Store) -> Self {
        let credentials = Credentials::read(store.clone());
        let (desired, policy) = (DesiredTunnel::load(&store), load_policy(&store));
        let lockdown = lockdown_at_start(&desired, credentials.unreadable(), credentials.is_logged_in());
        if let Some(lockdown) = &lockdown {
            tracing::warn!(reason = %lockdown.reason, mode = %policy.policy.mode, "no tunnel is up, but one is desired");
        }
        if let Some(why) = &policy.unreadable {
            tracing::error!(why, "the lockdown policy is unreadable; all traffic is blocked");
        }
        Self { store, credentials, desired: desired.ok().flatten(), policy, lockdown }
    }

    /// The policy under which the tunnel is to be started.
    pub(crate) fn policy(&self) -> StandingPolicy {
        let server = self.credentials.account().and_then(|account| account.address().ok());
        StandingPolicy {
            lockdown: self.policy.policy,
            exempt: exempt(&self.policy.split, None),
            api_ports: server.into_iter().map(|at| at.port).collect(),
        }
    }

    /// Returns true if traffic is blocked from the start.
    pub(crate) fn blocks(&self) -> bool {
        match self.policy.policy.mode {
            LockdownMode::Off => false,
            LockdownMode::Auto => self.lockdown.is_some(),
            LockdownMode::Always => true,
        }
    }
}

/// The helper. Calls that need the server lock the connection and so run one after the other.
pub(crate) struct Engine {
    pub(super) connection: Arc<Mutex<Connection>>,
    pub(super) control: Arc<TunnelControl>,
    pub(super) policy: Arc<PolicyControl>,
    pub(super) publish: Publisher,
    pub(super) queries: Queries,
    /// Changes of the network and wake-ups from sleep.
    pub(super) changes: Changes,
    /// Wakes the maintenance task after a change of the login or the session.
    pub(super) wake: Arc<Notify>,
    /// Increases after each heartbeat attempt, whatever its outcome.
    pub(super) heartbeats: watch::Sender<u64>,
}

impl Engine {
    /// Starts with the state found in the store.
    pub(crate) fn start(found: Found, tunnel: Tunnel, changes: Changes, own: OwnResolvers) -> Arc<Self> {
        let publish = Publisher::new();
        let hosts = found.desired.as_ref().map(|desired| desired.hosts.clone()).unwrap_or_default();
        let resolver = Resolver::new(hosts, tunnel.watch(), changes.numbers(), own);
        let standing = found.policy();
        let policy = PolicyControl::new(tunnel.clone(), publish.clone(), found.store.clone(), &found.policy, standing);
        let policy = Arc::new(policy);
        let desired = DesiredState::new(found.store, found.desired);
        let control = Arc::new(TunnelControl::new(tunnel, publish.clone(), desired));
        let wake = Arc::new(Notify::new());
        let (shared, published) = ((control.clone(), policy.clone()), publish.clone());
        let connection = Connection::new(found.credentials, resolver, shared, published, changes.clone(), wake.clone());
        let (connection, queries) = (Arc::new(Mutex::new(connection)), Queries::default());
        Arc::new(Self {
            connection,
            control,
            policy,
            publish,
            queries,
            changes,
            wake,
            heartbeats: watch::Sender::new(0),
        })
    }

    pub(crate) fn status_changes(&self) -> watch::Receiver<Status> {
        self.publish.watch()
    }

    /// Waits until traffic is blocked, or until blocking failed.
    pub(crate) async fn wait_for_lockdown(&self) {
        self.control.wait_for_lockdown().await;
    }

    /// Disconnects when the helper stops: removes the tunnel and closes the session if the server responds soon. The
    /// stored desired state stays.
    pub(crate) async fn stop(&self) {
        if let Err(error) = self.remove_tunnel().await {
            tracing::warn!(%error, "cannot disconnect while stopping");
        }
    }

    /// Removes the tunnel, then closes the session on the server.
    pub(super) async fn remove_tunnel(&self) -> Result<(), HelperError> {
        self.control.disconnect().await?;
        let connection = self.connection.clone();
        // This frees the slot and its addresses at once. If the server does not respond, its own timers free them.
        let close = tokio::spawn(async move { connection.lock().await.close_session().await });
        if tokio::time::timeout(CLOSE_TIMEOUT, close).await.is_err() {
            self.publish.control(ControlPlane::Unreachable);
        }
        Ok(())
    }
}
