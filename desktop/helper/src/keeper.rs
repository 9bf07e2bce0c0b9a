//! Keeps the session alive while a tunnel is up, and the status up to date.

use crate::engine::Engine;
use crate::network::Change;
use crate::pulse::Pulse;
use std::sync::Weak;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tornado_client::Error as ApiError;
use tornado_helper_api::{Choice, ControlPlane};
use tornado_rpc::ServiceError as _;
use tornado_tunnel::state::{BlockedReason, Phase};

/// Runs until shutdown, or until the engine was dropped.
pub(crate) async fn run(engine: Weak<Engine>, shutdown: CancellationToken) {
    let found = engine.upgrade().map(|e| (e.tunnel.watch(), e.wake.clone(), e.changes.subscribe()));
    let Some((mut view, wake, mut changes)) = found else { return };
    let (mut retry, mut pulse) = (Retry::now(), Pulse::new(Instant::now()));
    loop {
        let Some(due) = due(&engine) else { return };
        let again = engine.upgrade().is_some_and(|engine| engine.wants_again());
        if !again {
            retry = Retry::now();
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            // A login may resolve what the retry waits for.
            () = wake.notified() => retry = Retry::now(),
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                retry = Retry::now();
                let change = *changes.borrow_and_update();
                follow(&engine, change.map(Choice::from), &mut changes, &shutdown).await;
            }
            () = tokio::time::sleep_until(due) => {
                if let Some(engine) = engine.upgrade() {
                    engine.keep().await;
                }
            }
            () = tokio::time::sleep_until(retry.at), if again => {
                let Some(engine) = engine.upgrade() else { return };
                let asked = tokio::select! {
                    () = shutdown.cancelled() => return,
                    asked = engine.try_again() => asked,
                };
                retry.later(Instant::now(), asked, rand::random());
            }
            changed = view.changed() => {
                let (Ok(()), Some(strong)) = (changed, engine.upgrade()) else { return };
                let seen = view.borrow_and_update().clone();
                strong.publish.tunnel(&seen);
                if matches!(seen.phase, Phase::Disconnected | Phase::Blocked) && seen.failure.is_some() {
                    strong.tunnel_fell().await;
                }
                drop(strong);
                if seen.phase == Phase::Connected && pulse.is_lost(&seen.observed, Instant::now()) {
                    tracing::info!("the server does not respond over the lane; choosing another path");
                    follow(&engine, Some(Choice::Silent), &mut changes, &shutdown).await;
                }
            }
        }
    }
}

/// Chooses the path to the server again, and starts over at each further change.
async fn follow(
    engine: &Weak<Engine>,
    mut why: Option<Choice>,
    changes: &mut watch::Receiver<Option<Change>>,
    shutdown: &CancellationToken,
) {
    while let (Some(engine), Some(choice)) = (engine.upgrade(), why) {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = engine.choose_again(choice) => return,
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                why = changes.borrow_and_update().map(Choice::from);
            }
        }
    }
}

/// When the next heartbeat is due: in one hour if there is no session, in 500 ms if another call holds the lock.
fn due(engine: &Weak<Engine>) -> Option<Instant> {
    let engine = engine.upgrade()?;
    let far = Instant::now() + Duration::from_secs(3600);
    let soon = Instant::now() + Duration::from_millis(500);
    Some(engine.inner.try_lock().map_or(soon, |inner| inner.session.as_ref().map_or(far, |s| s.schedule.due())))
}

/// When to retry to restore the tunnel.
struct Retry {
    at: Instant,
    failures: u32,
}

impl Retry {
    fn now() -> Self {
        Self { at: Instant::now(), failures: 0 }
    }

    /// Doubles the delay from 1 s to at most 30 s; waits at least as long as the server requested.
    fn later(&mut self, now: Instant, asked: Option<Duration>, jitter: f64) {
        let pause = Duration::from_secs(1 << self.failures.min(5)).min(Duration::from_secs(30));
        self.failures = self.failures.saturating_add(1);
        self.at = now + pause.mul_f64(1.0 - 0.1 * jitter.clamp(0.0, 1.0)).max(asked.unwrap_or_default());
    }
}

impl Engine {
    /// Returns true if a tunnel is desired but not up, and no action of the user is needed first.
    fn wants_again(&self) -> bool {
        let view = self.tunnel.watch().borrow().clone();
        let lost = match view.blocked {
            // After `Denied`, a new login or a change on the server can help, for example a slot that became free.
            Some(
                BlockedReason::Interrupted | BlockedReason::Lost | BlockedReason::Ended(_) | BlockedReason::Denied(_),
            ) => true,
            Some(BlockedReason::Store(_) | BlockedReason::Unknown(_) | BlockedReason::CleanUp(_)) | None => false,
        };
        lost && view.phase == Phase::Blocked && self.wishes.now().is_some() && self.publish.now().logged_in
    }

    /// Tries to restore the desired tunnel. The status shows why it failed. Returns the delay that the server
    /// requested.
    async fn try_again(&self) -> Option<Duration> {
        let wanted = self.wishes.now()?;
        match self.bring_up(wanted.lane).await {
            Ok(_) => {
                tracing::info!("the tunnel was restored");
                None
            }
            Err(error) => {
                tracing::info!(code = error.code(), "cannot restore the tunnel; traffic stays blocked");
                let inner = self.inner.lock().await;
                self.publish.account(inner.account.as_ref());
                if inner.is_logged_in() {
                    self.publish.notice(error.code(), &error);
                } else {
                    self.hold_back(&error.to_string(), false, self.wish()).await;
                }
                error.retry_after().map(Duration::from_secs)
            }
        }
    }

    /// Closes the session of a tunnel that went down without a request.
    async fn tunnel_fell(&self) {
        // A connect in progress holds the lock and cleans up itself.
        if let Ok(mut inner) = self.inner.try_lock() {
            inner.end_session(&self.publish).await;
        }
    }

    /// Sends one heartbeat if it is due, and handles the response.
    pub(crate) async fn keep(&self) {
        self.beat().await;
        self.kept.send_modify(|number| *number += 1);
    }

    /// Refreshes the token where needed. An unreachable server never ends the tunnel.
    async fn beat(&self) {
        let wish = self.wish();
        let mut inner = self.inner.lock().await;
        let Some(session) = &inner.session else { return };
        if session.schedule.due() > Instant::now() {
            return;
        }
        let server = session.server.clone();
        if matches!(self.tunnel.watch().borrow().phase, Phase::Disconnected | Phase::Blocked) {
            // The tunnel went down while another call held the lock. A session without a tunnel is of no use.
            inner.end_session(&self.publish).await;
            return;
        }
        let mut outcome = inner.renew_if_due(&server.api).await;
        if outcome.is_ok() {
            outcome = server.api.heartbeat(&inner.access()).await.map(drop);
        }
        if outcome.as_ref().is_err_and(ApiError::wants_fresh_token) {
            outcome = inner.renew(&server.api).await;
            if outcome.is_ok() {
                outcome = server.api.heartbeat(&inner.access()).await.map(drop);
            }
        }
        if outcome.as_ref().is_err_and(ApiError::is_session_expired) && self.wish() == wish {
            tracing::info!("the session expired on the server; connecting again with the same keys");
            outcome = match inner.initiate_again().await {
                Ok(changed) => {
                    self.publish.session(inner.session_id());
                    if changed && let Err(error) = inner.apply(&self.tunnel, &self.wishes).await {
                        self.publish.notice(error.code(), &error);
                    }
                    Ok(())
                }
                Err(error) => Err(error),
            };
        }
        let (now, jitter) = (Instant::now(), rand::random());
        match outcome {
            Ok(()) => {
                if self.publish.now().control == ControlPlane::Unreachable {
                    self.publish.no_notice();
                }
                self.publish.control(ControlPlane::Reachable);
                if let Some(session) = &mut inner.session {
                    session.schedule.succeeded(now, jitter);
                }
                // A device without the event stream, or one that was offline, learns of changes here.
                if let Some(host) = self.ask_lanes(&mut inner).await {
                    self.follow_host(&mut inner, &host, wish).await;
                }
            }
            Err(error) => {
                inner.forget_login_if_over(&error);
                self.report(&error);
                self.publish.account(inner.account.as_ref());
                if matches!(error, ApiError::WrongCertificate | ApiError::WrongServer(_)) {
                    self.prove_again(&mut inner).await;
                }
                if error.is_transient() {
                    self.look_elsewhere(&mut inner, wish).await;
                }
                if let Some(session) = &mut inner.session {
                    session.schedule.failed(now, error.retry_after(), jitter);
                }
                if error.ends_login() || ends_session(&error) {
                    // The server rejected this device and the user does not know yet, so no traffic may leave
                    // unprotected.
                    inner.session = None;
                    self.publish.session(None);
                    self.hold_back(&error.to_string(), inner.is_logged_in(), wish).await;
                }
            }
        }
    }

    /// Activates lockdown and publishes the reason, until the user logs in or disconnects. `wish` is the disconnect
    /// count from before the call: if it changed, the user disconnected and lockdown is lifted again.
    async fn hold_back(&self, why: &str, logged_in: bool, wish: u64) {
        let Some(hold) = self.wishes.now().map(|wanted| wanted.ended(why, logged_in)) else { return };
        match self.tunnel.block(hold).await {
            Ok(view) => self.publish.tunnel(&view),
            Err(error) => tracing::error!(%error, "cannot block traffic"),
        }
        if self.wish() != wish
            && let Ok(view) = self.tunnel.disconnect().await
        {
            self.publish.tunnel(&view);
        }
    }

    /// The server's TLS key changed during a session: verifies the new key with the pinned identity.
    async fn prove_again(&self, inner: &mut crate::session::Inner) {
        if let Ok(server) = inner.reach(&self.publish).await
            && let Some(session) = &mut inner.session
        {
            session.server = server;
        }
    }
}

/// Responses to a repeated connect that a retry cannot resolve.
fn ends_session(error: &ApiError) -> bool {
    matches!(error, ApiError::Refused { status: 401 | 403 | 409, .. })
        && !error.wants_fresh_token()
        && !error.is_session_expired()
        || matches!(error, ApiError::Downgrade(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Found;
    use crate::network::Changes;
    use crate::store::Store;
    use std::sync::Arc;
    use tornado_tunnel::Tunnel;
    use tornado_tunnel::os::fake::Fake;
    use tornado_tunnel::state::Lockdown;

    #[test]
    fn pauses_grow_and_are_never_shorter_than_the_server_asked() {
        let now = Instant::now();
        let mut retry = Retry::now();
        let mut pause = |asked: Option<u64>| {
            retry.later(now, asked.map(Duration::from_secs), 0.0);
            retry.at.saturating_duration_since(now).as_secs()
        };
        assert_eq!([pause(None), pause(None), pause(None)], [1, 2, 4]);
        assert_eq!([pause(Some(3600)), pause(Some(3)), pause(None), pause(None)], [3600, 16, 30, 30]);
    }

    /// A helper that was never enrolled, and one in lockdown because a tunnel is desired.
    #[tokio::test(start_paused = true)]
    async fn a_keeper_without_a_session_rests_for_sixty_days() {
        for wanted in [false, true] {
            let directory = tempfile::tempdir().unwrap();
            let store = Store::new(directory.path().join("state"));
            let found = Found::read(store);
            let hold = wanted.then(|| Lockdown { reason: BlockedReason::Interrupted, outside: Vec::new() });
            let (tunnel, _task) = Tunnel::start(Box::new(Fake::default()), hold);
            let paths = (directory.path().join("resolv.conf"), directory.path().join("state"));
            let engine = Engine::start(found, tunnel, Changes::new(), paths);
            let kept = engine.kept.subscribe();
            let keeper = run(Arc::downgrade(&engine), CancellationToken::new());
            tornado_endurance::sixty_days(2, keeper).await;
            assert!(*kept.borrow() <= 2 + 2 * 60, "{}", *kept.borrow());
        }
    }
}
