//! The helper's work: one call at a time speaks to the server, while the tunnel can always be taken down.

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
use tornado_tunnel::state::{Failure, Hold, Phase, View};

/// What the store holds at the start.
pub(crate) struct Found {
    store: Store,
    account: Option<Account>,
    broken: Option<String>,
    wanted: Option<Wanted>,
    /// What to do until somebody acts; none: nothing is to be held back.
    pub(crate) hold: Option<Hold>,
}

impl Found {
    /// What cannot be read holds all traffic back; it is not taken for "empty".
    pub(crate) fn read(store: Store) -> Self {
        let (account, broken) = match store.load() {
            Ok(account) => (account, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let wanted = store.load_wanted();
        let logged_in = account.as_ref().is_some_and(|account| account.login.is_some());
        let hold = crate::wish::hold(&wanted, broken.as_deref(), logged_in);
        if let Some(hold) = &hold {
            tracing::warn!(reason = %hold.reason, "all traffic is held back");
        }
        Self { store, account, broken, wanted: wanted.ok().flatten(), hold }
    }
}

/// The helper's work. Calls that need the server take their turn; taking the tunnel down never waits.
pub(crate) struct Engine {
    pub(crate) inner: Arc<Mutex<Inner>>,
    pub(crate) tunnel: Tunnel,
    pub(crate) publish: Publisher,
    /// Told when the keeper has something new to look at.
    pub(crate) wake: Arc<Notify>,
    /// What makes the way to the server another.
    pub(crate) changes: Changes,
    /// When the server was last asked for this device's circuit.
    pub(crate) tor_asked: Asked,
    /// When the server was last asked to confirm the session.
    pub(crate) confirmed: Asked,
    /// Goes up after each heartbeat, whatever came of it.
    pub(crate) kept: watch::Sender<u64>,
    /// When the server was last asked what the account moved.
    pub(crate) usage_asked: Asked,
    /// Whether a tunnel is wanted, as stored.
    pub(crate) wishes: Wishes,
    /// Counts the wishes for no tunnel, so that a connect under way sees that it was overtaken.
    wish: AtomicU64,
}

impl Engine {
    /// Begins with what the store holds.
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

    /// The helper is ending: the tunnel goes, and the server is told if it answers soon. What the user wants stays.
    pub(crate) async fn stop(&self) {
        if let Err(error) = self.take_down().await {
            tracing::warn!(%error, "while stopping");
        }
    }

    /// No tunnel is wanted any more. To be called once it is gone.
    pub(crate) fn want_none(&self) {
        if let Err(error) = self.wishes.clear() {
            tracing::error!(%error, "the next start will hold traffic back");
            self.publish.notice("not_stored", format!("the next start will hold traffic back: {error}"));
        }
    }

    /// A number that changes when somebody wants no tunnel any more.
    pub(crate) fn wish(&self) -> u64 {
        self.wish.load(Ordering::SeqCst)
    }

    /// Takes the tunnel down now, and tells a connect under way that it was overtaken.
    pub(crate) async fn drop_tunnel(&self) -> Result<(), HelperError> {
        self.wish.fetch_add(1, Ordering::SeqCst);
        let view = self.tunnel.disconnect().await.map_err(|e| HelperError::Internal(e.to_string()))?;
        self.publish.tunnel(&view);
        Ok(())
    }

    pub(crate) async fn take_down(&self) -> Result<Status, HelperError> {
        self.drop_tunnel().await?;
        let (inner, publish) = (self.inner.clone(), self.publish.clone());
        // The slot and the addresses are freed at once; should the server not answer, its own timers do it.
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
                    // Whoever wanted no tunnel may have been answered before ours came up.
                    let _ = self.tunnel.disconnect().await;
                }
                inner.end_session(&self.publish).await;
                if overtaken || !self.tunnel.watch().borrow().held {
                    self.want_none();
                }
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

/// Why a tunnel is not up.
pub(crate) fn failure(view: &View) -> HelperError {
    let held = if view.held { "; traffic is held back" } else { "" };
    match (&view.failure, &view.blocked) {
        (Some(failure @ Failure::NoHandshake(_)), _) => HelperError::NoHandshake(format!("{failure}{held}")),
        (Some(failure @ (Failure::Link(_) | Failure::Routing(_))), _) => {
            HelperError::Tunnel(format!("{failure}{held}"))
        }
        (None, Some(reason)) => HelperError::Blocked(reason.to_string()),
        (None, None) => HelperError::Tunnel("it was taken down".into()),
    }
}
