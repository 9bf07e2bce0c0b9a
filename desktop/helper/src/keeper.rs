//! Keeps the session alive while a tunnel is up, and the status true.

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
use tornado_tunnel::state::{BlockedReason, Phase};

/// Runs until shutdown, or until the engine is gone.
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
            // Somebody logged in: what was waited for may be otherwise.
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
                    tracing::info!("the server gives no answer over the lane; looking for another way");
                    follow(&engine, Some(Choice::Silent), &mut changes, &shutdown).await;
                }
            }
        }
    }
}

/// Chooses the way to the server again, from the start with each further change.
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

/// When the next heartbeat is due. Far away while there is none, or while a call is under way.
fn due(engine: &Weak<Engine>) -> Option<Instant> {
    let engine = engine.upgrade()?;
    let far = Instant::now() + Duration::from_secs(3600);
    let soon = Instant::now() + Duration::from_millis(500);
    Some(engine.inner.try_lock().map_or(soon, |inner| inner.session.as_ref().map_or(far, |s| s.schedule.due())))
}

/// When to try the next time to have the tunnel back.
struct Retry {
    at: Instant,
    failures: u32,
}

impl Retry {
    fn now() -> Self {
        Self { at: Instant::now(), failures: 0 }
    }

    /// Doubles the pause from one second to half a minute, or as long as the server asked.
    fn later(&mut self, now: Instant, asked: Option<Duration>, jitter: f64) {
        let pause = Duration::from_secs(1 << self.failures.min(5)).min(Duration::from_secs(30));
        self.failures = self.failures.saturating_add(1);
        self.at = now + pause.mul_f64(1.0 - 0.1 * jitter.clamp(0.0, 1.0)).max(asked.unwrap_or_default());
    }
}

impl Engine {
    /// A tunnel is wanted, is not there, and nobody has to act first.
    fn wants_again(&self) -> bool {
        let view = self.tunnel.watch().borrow().clone();
        let lost = match view.blocked {
            // The last one after a new login, or when the server may think otherwise: a slot is free again.
            Some(
                BlockedReason::Interrupted | BlockedReason::Lost | BlockedReason::Ended(_) | BlockedReason::Denied(_),
            ) => true,
            Some(BlockedReason::Store(_) | BlockedReason::Unknown(_) | BlockedReason::CleanUp(_)) | None => false,
        };
        lost && view.phase == Phase::Blocked && self.wishes.now().is_some() && self.publish.now().logged_in
    }

    /// Tries to have the wanted tunnel back. Why it failed stands in the status. Returns how long the server asked to
    /// wait.
    async fn try_again(&self) -> Option<Duration> {
        let wanted = self.wishes.now()?;
        match self.bring_up(wanted.lane).await {
            Ok(_) => {
                tracing::info!("the tunnel is up again");
                None
            }
            Err(error) => {
                tracing::info!(code = error.code(), "the tunnel is not up again; traffic stays held back");
                let inner = self.inner.lock().await;
                self.publish.account(inner.account.as_ref());
                if inner.is_logged_in() {
                    self.publish.notice(error.code(), &error);
                } else {
                    self.hold_back(&error.to_string(), false, self.wish()).await;
                }
                error.retry_after()
            }
        }
    }

    /// A tunnel that went down by itself holds no session.
    async fn tunnel_fell(&self) {
        // A connect under way holds the lock and cleans up for itself.
        if let Ok(mut inner) = self.inner.try_lock() {
            inner.end_session(&self.publish).await;
        }
    }

    /// One heartbeat if it is due, and what follows from its answer.
    pub(crate) async fn keep(&self) {
        self.beat().await;
        self.kept.send_modify(|number| *number += 1);
    }

    /// With a fresh token where needed. A server that cannot be reached never costs the tunnel.
    async fn beat(&self) {
        let wish = self.wish();
        let mut inner = self.inner.lock().await;
        let Some(session) = &inner.session else { return };
        if session.schedule.due() > Instant::now() {
            return;
        }
        let server = session.server.clone();
        if matches!(self.tunnel.watch().borrow().phase, Phase::Disconnected | Phase::Blocked) {
            // It fell while a call held the lock: a session without a tunnel is of no use.
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
            tracing::info!("the server knows this session no more; connecting again with the same keys");
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
                    self.publish.recovered();
                }
                self.publish.control(ControlPlane::Reachable);
                if let Some(session) = &mut inner.session {
                    session.schedule.succeeded(now, jitter);
                }
                // A device without the event stream, or one that was away, learns it here.
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
                    // The server no longer wants this device. Its user does not know yet: nothing goes in the clear.
                    inner.session = None;
                    self.publish.session(None);
                    self.hold_back(&error.to_string(), inner.is_logged_in(), wish).await;
                }
            }
        }
    }

    /// Holds all traffic back, and says why, until somebody logs in or wants no tunnel any more. Nothing to do when that
    /// was said already: `wish` is the number of before.
    async fn hold_back(&self, why: &str, logged_in: bool, wish: u64) {
        let Some(hold) = self.wishes.now().map(|wanted| wanted.ended(why, logged_in)) else { return };
        match self.tunnel.block(hold).await {
            Ok(view) => self.publish.tunnel(&view),
            Err(error) => tracing::error!(%error, "traffic could not be held back"),
        }
        if self.wish() != wish
            && let Ok(view) = self.tunnel.disconnect().await
        {
            self.publish.tunnel(&view);
        }
    }

    /// The server's TLS key has changed while a session was up.
    async fn prove_again(&self, inner: &mut crate::session::Inner) {
        if let Ok(server) = inner.reach(&self.publish).await
            && let Some(session) = &mut inner.session
        {
            session.server = server;
        }
    }
}

/// Answers to a repeated connect that waiting does not cure.
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
    use tornado_tunnel::state::Hold;

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

    /// A helper that was never enrolled, and one that holds traffic back since a tunnel is wanted.
    #[tokio::test(start_paused = true)]
    async fn a_keeper_without_a_session_rests_for_sixty_days() {
        for wanted in [false, true] {
            let directory = tempfile::tempdir().unwrap();
            let store = Store::new(directory.path().join("state"));
            let found = Found::read(store);
            let hold = wanted.then(|| Hold { reason: BlockedReason::Interrupted, outside: Vec::new() });
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
