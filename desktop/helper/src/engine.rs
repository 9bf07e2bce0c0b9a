//! The helper's work: one call at a time speaks to the server, while the tunnel can always be taken down.

use crate::publish::Publisher;
use crate::reach::translate;
use crate::schedule::Schedule;
use crate::session::{FAREWELL, Inner, Session};
use crate::store::Store;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::sync::{Mutex, Notify};
use tornado_client::Error as ApiError;
use tornado_helper_api::{ControlPlane, HelperError, Status};
use tornado_shared::model::{Lane, PrivateKey};
use tornado_tunnel::Tunnel;
use tornado_tunnel::state::{BlockedReason, Failure, Phase, View};

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
        let inner = Arc::new(Mutex::new(Inner::new(store, account, broken)));
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
        self.ask_lanes(&inner).await;
        let view = inner.apply(&self.tunnel).await;
        let overtaken = self.wish() != wish;
        match view {
            Ok(view) if view.phase == Phase::Connected && !overtaken => {
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

/// Why a tunnel is not up.
pub(crate) fn failure(view: &View) -> HelperError {
    if let Some(reason) = &view.blocked {
        return HelperError::Blocked(reason.to_string());
    }
    match &view.failure {
        Some(failure @ Failure::NoHandshake(_)) => HelperError::NoHandshake(failure.to_string()),
        Some(failure @ (Failure::Link(_) | Failure::Routing(_))) => HelperError::Tunnel(failure.to_string()),
        None => HelperError::Tunnel("it was taken down".into()),
    }
}
