//! Keeps the session alive while a tunnel is up, and the status true.

use crate::engine::Engine;
use std::sync::Weak;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tornado_client::Error as ApiError;
use tornado_helper_api::ControlPlane;
use tornado_tunnel::state::Phase;

/// Runs until shutdown, or until the engine is gone.
pub(crate) async fn run(engine: Weak<Engine>, shutdown: CancellationToken) {
    let Some((mut view, wake)) = engine.upgrade().map(|e| (e.tunnel.watch(), e.wake.clone())) else { return };
    loop {
        let Some(due) = due(&engine) else { return };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = wake.notified() => {}
            () = tokio::time::sleep_until(due.into()) => {
                if let Some(engine) = engine.upgrade() {
                    engine.keep().await;
                }
            }
            changed = view.changed() => {
                let (Ok(()), Some(engine)) = (changed, engine.upgrade()) else { return };
                let seen = view.borrow_and_update().clone();
                engine.publish.tunnel(&seen);
                if matches!(seen.phase, Phase::Disconnected | Phase::Blocked) && seen.failure.is_some() {
                    engine.tunnel_fell().await;
                }
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

impl Engine {
    /// A tunnel that went down by itself holds no session.
    async fn tunnel_fell(&self) {
        // A connect under way holds the lock and cleans up for itself.
        if let Ok(mut inner) = self.inner.try_lock() {
            inner.end_session(&self.publish).await;
        }
    }

    /// One heartbeat, with a fresh token where needed. A server that cannot be reached never costs the tunnel.
    pub(crate) async fn keep(&self) {
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
                    if changed && let Err(error) = inner.apply(&self.tunnel).await {
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
                self.ask_lanes(&inner).await;
            }
            Err(error) => {
                inner.forget_login_if_over(&error);
                self.report(&error);
                self.publish.account(inner.account.as_ref());
                if matches!(error, ApiError::WrongCertificate | ApiError::WrongServer(_)) {
                    self.prove_again(&mut inner).await;
                }
                if let Some(session) = &mut inner.session {
                    session.schedule.failed(now, error.retry_after(), jitter);
                }
                if error.ends_login() || ends_session(&error) {
                    // The server no longer wants this device: the reason stays in the status.
                    inner.session = None;
                    self.publish.session(None);
                    if let Ok(view) = self.tunnel.disconnect().await {
                        self.publish.tunnel(&view);
                    }
                }
            }
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
