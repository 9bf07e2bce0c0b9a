//! Core of the helper. One call at a time talks to the server, but a disconnect never waits for it.

use crate::account::Account;
use crate::asked::Asked;
use crate::lookup::Resolver;
use crate::network::Changes;
use crate::publish::Publisher;
use crate::reach::translate;
use crate::schedule::Schedule;
use crate::session::{FAREWELL, Inner, Session};
use crate::store::Store;
use crate::wish::{Wanted, Wishes};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::Instant;
use tornado_client::Error as ApiError;
use tornado_helper_api::{Choice, ControlPlane, HelperError, Status};
use tornado_shared::model::{Lane, PrivateKey};
use tornado_tunnel::Tunnel;
use tornado_tunnel::state::{Failure, Lockdown, Phase, View};

/// State that the store contains at startup.
pub(crate) struct Found {
    store: Store,
    account: Option<Account>,
    broken: Option<String>,
    wanted: Option<Wanted>,
    /// Lockdown until a tunnel is up or the user acts; `None` if traffic is not to be blocked.
    pub(crate) hold: Option<Lockdown>,
}

impl Found {
    /// Reads the store. A file that cannot be read activates lockdown; it is not treated as absent.
    pub(crate) fn read(store: Store) -> Self {
        let (account, broken) = match store.load() {
            Ok(account) => (account, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let wanted = store.load_wanted();
        let logged_in = account.as_ref().is_some_and(|account| account.login.is_some());
        let hold = crate::wish::hold(&wanted, broken.as_deref(), logged_in);
        if let Some(hold) = &hold {
            tracing::warn!(reason = %hold.reason, "lockdown is active; all traffic is blocked");
        }
        Self { store, account, broken, wanted: wanted.ok().flatten(), hold }
    }
}

/// Core of the helper. Calls that need the server run one after the other; a disconnect never waits for them.
pub(crate) struct Engine {
    pub(crate) inner: Arc<Mutex<Inner>>,
    pub(crate) tunnel: Tunnel,
    pub(crate) publish: Publisher,
    /// Wakes the keeper after a change of the login or the session.
    pub(crate) wake: Arc<Notify>,
    /// Changes of the network and wake-ups from sleep.
    pub(crate) changes: Changes,
    /// When the server was last queried for this device's circuit.
    pub(crate) tor_asked: Asked,
    /// When the server was last asked to confirm the session.
    pub(crate) confirmed: Asked,
    /// Increases after each heartbeat attempt, whatever its outcome.
    pub(crate) kept: watch::Sender<u64>,
    /// When the server was last queried for the account's usage.
    pub(crate) usage_asked: Asked,
    /// The desired state of the tunnel, as stored.
    pub(crate) wishes: Wishes,
    /// Counts disconnect requests, so that a connect in progress detects that it was superseded.
    wish: AtomicU64,
}

impl Engine {
    /// Starts with the state found in the store.
    pub(crate) fn start(found: Found, tunnel: Tunnel, changes: Changes, paths: (PathBuf, PathBuf)) -> Arc<Self> {
        let publish = Publisher::new();
        publish.account(found.account.as_ref());
        publish.tunnel(&tunnel.watch().borrow());
        let hosts = found.wanted.as_ref().map(|wanted| wanted.hosts.clone()).unwrap_or_default();
        let (resolv_conf, state_dir) = paths;
        let resolver = Resolver::new(hosts, tunnel.watch(), changes.numbers(), resolv_conf, state_dir);
        let inner = Inner::new(found.store.clone(), found.account, found.broken, resolver, changes.clone());
        let (inner, wishes) = (Arc::new(Mutex::new(inner)), Wishes::new(found.store, found.wanted));
        let (wake, wish) = (Arc::new(Notify::new()), AtomicU64::new(0));
        let kept = watch::Sender::new(0);
        let (tor_asked, confirmed, usage_asked) = (Asked::default(), Asked::default(), Asked::default());
        Arc::new(Self { inner, tunnel, publish, wake, changes, tor_asked, confirmed, kept, usage_asked, wishes, wish })
    }

    /// Disconnects when the helper stops: removes the tunnel and closes the session if the server responds soon. The
    /// stored desired state stays.
    pub(crate) async fn stop(&self) {
        if let Err(error) = self.take_down().await {
            tracing::warn!(%error, "cannot disconnect while stopping");
        }
    }

    /// Stores that no tunnel is desired. Call it after the tunnel was removed.
    pub(crate) fn want_none(&self) {
        if let Err(error) = self.wishes.clear() {
            tracing::error!(%error, "cannot store that no tunnel is desired; the next start will block traffic");
            self.publish.notice(
                "not_stored",
                format!("cannot store the disconnect: {error}; the next start of the helper will block traffic"),
            );
        }
    }

    /// A number that changes with each disconnect request.
    pub(crate) fn wish(&self) -> u64 {
        self.wish.load(Ordering::SeqCst)
    }

    /// Removes the tunnel at once, and marks a connect in progress as superseded.
    pub(crate) async fn drop_tunnel(&self) -> Result<(), HelperError> {
        self.wish.fetch_add(1, Ordering::SeqCst);
        let view = self.tunnel.disconnect().await.map_err(|e| HelperError::Internal(e.to_string()))?;
        self.publish.tunnel(&view);
        Ok(())
    }

    pub(crate) async fn take_down(&self) -> Result<Status, HelperError> {
        self.drop_tunnel().await?;
        let (inner, publish) = (self.inner.clone(), self.publish.clone());
        // This frees the slot and its addresses at once. If the server does not respond, its own timers free them.
        let farewell = tokio::spawn(async move { inner.lock().await.end_session(&publish).await });
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            self.publish.control(ControlPlane::Unreachable);
        }
        Ok(self.publish.now())
    }

    pub(crate) async fn bring_up(&self, lane: Lane) -> Result<Status, HelperError> {
        let wish = self.wish();
        let mut inner = self.inner.lock().await;
        let phase = self.tunnel.watch().borrow().phase;
        if inner.session.is_some() && phase == Phase::Connected {
            return self.switch_to(&mut inner, lane).await;
        }
        inner.end_session(&self.publish).await;
        let server = inner.reach(&self.publish).await?;
        let key = PrivateKey::random();
        let connection = inner.initiate(&server, &key).await.map_err(|e| self.report(&e))?;
        let schedule = Schedule::new(connection.heartbeat_ttl, Instant::now(), rand::random());
        inner.session = Some(Session { server, key, connection, lane, schedule });
        self.ask_lanes(&mut inner).await;
        let view = inner.apply(&self.tunnel, &self.wishes).await;
        let overtaken = self.wish() != wish;
        match view {
            Ok(view) if view.phase == Phase::Connected && !overtaken => {
                self.publish.tunnel(&view);
                self.publish.chosen(Choice::Connect);
                self.publish.no_notice();
                self.publish.control(ControlPlane::Reachable);
                self.publish.session(inner.session.as_ref().map(|s| s.connection.session_id));
                self.wake.notify_one();
                Ok(self.publish.now())
            }
            other => {
                if overtaken {
                    // The disconnect may have been confirmed to its caller before this tunnel came up.
                    let _ = self.tunnel.disconnect().await;
                }
                inner.end_session(&self.publish).await;
                if overtaken || !self.tunnel.watch().borrow().lockdown {
                    self.want_none();
                }
                match other {
                    Ok(_) if overtaken => {
                        Err(HelperError::Tunnel("a disconnect was requested while connecting".into()))
                    }
                    Ok(view) => Err(failure(&view)),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// Converts an API error for callers, and records it in the status.
    pub(crate) fn report(&self, error: &ApiError) -> HelperError {
        let control = if error.is_transient() { ControlPlane::Unreachable } else { ControlPlane::Reachable };
        self.publish.control(control);
        self.publish.notice(error.code(), error);
        translate(error)
    }
}

/// Why the tunnel is not up.
pub(crate) fn failure(view: &View) -> HelperError {
    let held = if view.lockdown { "; traffic is blocked" } else { "" };
    match (&view.failure, &view.blocked) {
        (Some(failure @ Failure::NoHandshake(_)), _) => HelperError::NoHandshake(format!("{failure}{held}")),
        (Some(failure @ (Failure::Link(_) | Failure::Routing(_))), _) => {
            HelperError::Tunnel(format!("{failure}{held}"))
        }
        (None, Some(reason)) => HelperError::Blocked(reason.to_string()),
        (None, None) => HelperError::Tunnel("the tunnel was disconnected".into()),
    }
}
