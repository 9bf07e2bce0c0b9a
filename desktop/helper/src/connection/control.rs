//! The tunnel and its desired state. Nothing here waits for the server, so that a disconnect never does.

use crate::account::{DesiredState, DesiredTunnel};
use crate::status::Publisher;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tornado_helper_api::HelperError;
use tornado_shared::model::{Lane, LockdownMode};
use tornado_tunnel::plan::Plan;
use tornado_tunnel::state::{BlockedReason, Failure, Lockdown, Phase, View};
use tornado_tunnel::{Stopped, Tunnel};

/// Maximum time for which callers wait for the firewall at the start, so that their first status is that of the kernel.
const FIRST_LOCKDOWN: Duration = Duration::from_secs(5);
/// How long a status call waits for fresh counters.
const FRESH: Duration = Duration::from_millis(300);

/// The tunnel, its desired state as stored, and its published state.
pub(crate) struct TunnelControl {
    tunnel: Tunnel,
    publish: Publisher,
    desired: DesiredState,
    /// True from a disconnect request until the next connect. The desired state is cleared only after the tunnel was
    /// removed; until then this prevents a retry.
    is_left: AtomicBool,
    /// Counts disconnect requests, so that a connect in progress detects that it was superseded.
    disconnects: AtomicU64,
}

impl TunnelControl {
    pub(crate) fn new(tunnel: Tunnel, publish: Publisher, desired: DesiredState) -> Self {
        publish.tunnel(&tunnel.watch().borrow());
        Self { tunnel, publish, desired, is_left: AtomicBool::new(false), disconnects: AtomicU64::new(0) }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<View> {
        self.tunnel.watch()
    }

    pub(crate) fn view(&self) -> View {
        self.tunnel.watch().borrow().clone()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.tunnel.watch().borrow().phase
    }

    pub(crate) fn is_lockdown(&self) -> bool {
        self.tunnel.watch().borrow().lockdown
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.phase(), Phase::Connected | Phase::Switching)
    }

    /// Fails unless the tunnel is connected.
    pub(crate) fn require_connected(&self) -> Result<(), HelperError> {
        match self.phase() {
            Phase::Connected => Ok(()),
            // This state is visible here only if an earlier call was dropped halfway. All other calls hold the lock of
            // the connection until the tunnel has settled.
            Phase::Connecting | Phase::Switching => {
                Err(HelperError::Tunnel("another change of the tunnel is in progress; try again in a moment".into()))
            }
            Phase::Disconnected | Phase::Disconnecting | Phase::Blocked => Err(HelperError::NotConnected),
        }
    }

    /// Returns true if a tunnel is desired but not up, and no action of the user is needed first.
    pub(crate) fn needs_retry(&self) -> bool {
        let view = self.view();
        let lost = match view.blocked {
            // With `off`, a lost tunnel is not blocked.
            None => view.phase == Phase::Disconnected && self.publish.now().lockdown_policy.mode == LockdownMode::Off,
            // After `Denied`, a new login or a change on the server can help, for example a slot that became free.
            Some(
                BlockedReason::Interrupted
                | BlockedReason::Lost
                | BlockedReason::Ended(_)
                | BlockedReason::Denied(_)
                | BlockedReason::Always,
            ) => view.phase == Phase::Blocked,
            Some(BlockedReason::Store(_) | BlockedReason::Unknown(_) | BlockedReason::CleanUp(_)) => false,
        };
        lost && !self.is_left.load(Ordering::SeqCst) && self.desired.get().is_some()
    }

    /// Returns true if no tunnel is up, and traffic is blocked at most because of the mode `always`.
    pub(crate) fn is_disconnected(&self) -> bool {
        let view = self.view();
        view.phase == Phase::Disconnected || view.blocked == Some(BlockedReason::Always)
    }

    /// Returns true if traffic is blocked for a reason that a failed attempt to connect does not end.
    pub(crate) fn keeps_blocking(&self) -> bool {
        let view = self.view();
        view.lockdown && view.blocked != Some(BlockedReason::Always)
    }

    /// Waits until traffic is blocked, or until blocking failed.
    pub(crate) async fn wait_for_lockdown(&self) {
        let mut views = self.tunnel.watch();
        let settled = views.wait_for(|view| view.lockdown || view.phase != Phase::Blocked);
        if let Ok(Ok(view)) = tokio::time::timeout(FIRST_LOCKDOWN, settled).await {
            self.publish.tunnel(&view);
        }
    }

    /// Publishes fresh counters. While the tunnel is busy, the latest known state stays.
    pub(crate) async fn observe(&self) {
        if let Ok(Ok(view)) = tokio::time::timeout(FRESH, self.tunnel.observe()).await {
            self.publish.tunnel(&view);
        }
    }

    pub(crate) fn desired(&self) -> Option<DesiredTunnel> {
        self.desired.get()
    }

    pub(crate) fn set_desired_lane(&self, lane: Lane) {
        self.desired.set_lane(lane);
    }

    /// Stores that no tunnel is desired. Call it after the tunnel was removed.
    pub(crate) fn clear_desired(&self) {
        if let Err(error) = self.desired.clear() {
            tracing::error!(%error, "cannot store that no tunnel is desired; the next start will block traffic");
            self.publish.notice(
                "not_stored",
                format!("cannot store the disconnect: {error}; the next start of the helper will block traffic"),
            );
        }
    }

    /// Stores the desired tunnel, then connects it.
    pub(crate) async fn connect(&self, plan: Plan, desired: DesiredTunnel) -> Result<View, HelperError> {
        let stored = self.desired.set(desired);
        stored.map_err(|e| HelperError::Internal(format!("cannot store the desired state of the tunnel: {e}")))?;
        self.is_left.store(false, Ordering::SeqCst);
        self.tunnel.connect(plan).await.map_err(stopped)
    }

    pub(crate) async fn switch(&self, lane: Lane) -> Result<View, HelperError> {
        self.published(self.tunnel.switch(lane)).await
    }

    pub(crate) async fn block(&self, lockdown: Lockdown) -> Result<(), HelperError> {
        self.published(self.tunnel.block(lockdown)).await.map(drop)
    }

    pub(crate) async fn unblock(&self) -> Result<(), HelperError> {
        self.published(self.tunnel.unblock()).await.map(drop)
    }

    /// A number that changes with each disconnect request.
    pub(crate) fn disconnects(&self) -> u64 {
        self.disconnects.load(Ordering::SeqCst)
    }

    /// Removes the tunnel at once, and marks a connect in progress as superseded.
    pub(crate) async fn disconnect(&self) -> Result<(), HelperError> {
        self.disconnects.fetch_add(1, Ordering::SeqCst);
        self.is_left.store(true, Ordering::SeqCst);
        self.published(self.tunnel.disconnect()).await.map(drop)
    }

    /// Removes a tunnel that came up after a disconnect request: that request may have been confirmed before.
    pub(crate) async fn remove_superseded(&self) {
        drop(self.published(self.tunnel.disconnect()).await);
    }

    /// Returns true, and disconnects the tunnel again, if there was a disconnect request since `disconnects`: the
    /// response to that call may have been sent before the new link came up.
    pub(crate) async fn undo_if_superseded(&self, disconnects: u64) -> bool {
        if self.disconnects() == disconnects {
            return false;
        }
        self.remove_superseded().await;
        self.clear_desired();
        true
    }

    /// Activates lockdown and publishes the reason, until the user logs in or disconnects. `disconnects` is the count
    /// from before the call: if it changed, the user disconnected and lockdown is lifted again.
    pub(crate) async fn lock_down(&self, why: &str, logged_in: bool, disconnects: u64) {
        let Some(lockdown) = self.desired.get().map(|tunnel| tunnel.lockdown(why, logged_in)) else { return };
        if let Err(error) = self.block(lockdown).await {
            tracing::error!(%error, "cannot block traffic");
        }
        if self.disconnects() != disconnects {
            self.remove_superseded().await;
        }
    }

    /// Publishes the view after a command.
    async fn published(&self, command: impl Future<Output = Result<View, Stopped>>) -> Result<View, HelperError> {
        let view = command.await.map_err(stopped)?;
        self.publish.tunnel(&view);
        Ok(view)
    }
}

fn stopped(error: Stopped) -> HelperError {
    HelperError::Internal(error.to_string())
}

/// Why the tunnel is not up.
pub(super) fn failure(view: &View) -> HelperError {
    let suffix = if view.lockdown { "; traffic is blocked" } else { "" };
    match (&view.failure, &view.blocked) {
        (Some(failure @ Failure::NoHandshake(_)), _) => HelperError::NoHandshake(format!("{failure}{suffix}")),
        (Some(failure @ (Failure::Link(_) | Failure::Routing(_))), _) => {
            HelperError::Tunnel(format!("{failure}{suffix}"))
        }
        (None, Some(reason)) => HelperError::Blocked(reason.to_string()),
        (None, None) => HelperError::Tunnel("the tunnel was disconnected".into()),
    }
}

/// Why the tunnel is not on the requested lane, and which lane carries the traffic instead.
pub(super) fn not_switched(view: &View) -> HelperError {
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
