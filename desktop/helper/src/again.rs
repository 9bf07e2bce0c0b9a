//! Another way to the server, when the one in use is gone or may be: name, address and family are chosen again, and a
//! new link is made beside the old one, which carries the traffic until the new one has shaken hands.

use crate::engine::Engine;
use crate::network::Change;
use crate::reach::endpoints;
use crate::session::Inner;
use std::time::Duration;
use tokio::time::Instant;
use tornado_client::Error as ApiError;
use tornado_helper_api::{Choice, ControlPlane};
use tornado_tunnel::state::Phase;

/// How long the lane waits for what the device API says: whether the session still exists, and where the server is.
const CONTROL: Duration = Duration::from_millis(1500);
/// The same when only the device API is known to fail.
const ELSEWHERE: Duration = Duration::from_secs(5);

impl From<Change> for Choice {
    fn from(change: Change) -> Self {
        match change {
            Change::Network => Self::NetworkChanged,
            Change::Woke => Self::Woke,
        }
    }
}

impl Engine {
    /// Chooses the way again. Without a tunnel there is nothing to do.
    ///
    /// # Cancel safety
    /// Dropping it leaves the tunnel as it is, or a link on its way up that ends by itself; the next run starts over.
    pub(crate) async fn choose_again(&self, why: Choice) {
        let wish = self.wish();
        let mut inner = self.inner.lock().await;
        inner.resolver.forget_fresh();
        if inner.session.is_none() || !self.is_up() || !self.session_stands(&mut inner).await || self.wish() != wish {
            return;
        }
        let applied = inner.apply(&self.tunnel, &self.wishes).await;
        if self.undone(wish).await {
            return;
        }
        match applied {
            Ok(view) => {
                self.publish.tunnel(&view);
                if view.phase == Phase::Connected && view.failure.is_none() {
                    self.publish.chosen(why);
                    tracing::info!(?why, "the tunnel has its way to the server again");
                    if self.publish.now().control == ControlPlane::Reachable {
                        self.publish.recovered();
                    }
                }
            }
            Err(error) => self.publish.notice(error.code(), &error),
        }
    }

    /// After the device API failed: it may be elsewhere, and the lane with it.
    pub(crate) async fn look_elsewhere(&self, inner: &mut Inner, wish: u64) {
        inner.resolver.forget_fresh();
        if let Ok(Ok(server)) = tokio::time::timeout(ELSEWHERE, inner.reach(&self.publish)).await
            && let Some(session) = &mut inner.session
        {
            session.server = server;
        }
        let (current, lane) = {
            let view = self.tunnel.watch().borrow().clone();
            (view.endpoint, view.lane)
        };
        let (Some(current), Some(lane), Some(session)) = (current, lane, &inner.session) else { return };
        let (offer, proved) = (session.connection.on(lane).clone(), session.server.addresses.clone());
        let Ok(now) = endpoints(&mut inner.resolver, &offer, &proved).await else { return };
        if now.contains(&current) || !self.is_up() || self.wish() != wish {
            return;
        }
        let applied = inner.apply(&self.tunnel, &self.wishes).await;
        if self.undone(wish).await {
            return;
        }
        match applied {
            Ok(view) if view.phase == Phase::Connected && view.failure.is_none() => {
                self.publish.tunnel(&view);
                self.publish.chosen(Choice::Moved);
            }
            Ok(view) => self.publish.tunnel(&view),
            Err(error) => self.publish.notice(error.code(), &error),
        }
    }

    /// True, and the tunnel is down again, when the user decided otherwise since `wish`: a disconnect may have been answered
    /// before the new link came up.
    pub(crate) async fn undone(&self, wish: u64) -> bool {
        if self.wish() == wish {
            return false;
        }
        let _ = self.tunnel.disconnect().await;
        self.want_none();
        true
    }

    fn is_up(&self) -> bool {
        matches!(self.tunnel.watch().borrow().phase, Phase::Connected | Phase::Switching)
    }

    /// Finds the server and asks whether the session still exists; makes it again if not. False when the server ended
    /// what the session needs: the next heartbeat, which is due at once, deals with that.
    async fn session_stands(&self, inner: &mut Inner) -> bool {
        let found = tokio::time::timeout(CONTROL, inner.reach(&self.publish)).await;
        let Ok(Ok(server)) = found else {
            self.publish.control(ControlPlane::Unreachable);
            inner.heartbeat_now();
            return true;
        };
        let api = server.api.clone();
        if let Some(session) = &mut inner.session {
            session.server = server;
        }
        let beat = async {
            inner.renew_if_due(&api).await?;
            api.heartbeat(&inner.access()).await
        };
        match tokio::time::timeout(CONTROL, beat).await {
            Ok(Ok(_)) => {
                self.publish.control(ControlPlane::Reachable);
                if let Some(session) = &mut inner.session {
                    session.schedule.succeeded(Instant::now(), rand::random());
                }
                return true;
            }
            Ok(Err(error)) if error.is_session_expired() => match inner.initiate_again().await {
                Ok(_) => {
                    self.publish.session(inner.session_id());
                    self.publish.control(ControlPlane::Reachable);
                    return true;
                }
                Err(error) => tracing::info!(code = error.code(), "the session was not made again"),
            },
            Ok(Err(error)) if error.is_transient() => {}
            Ok(Err(ApiError::WrongCertificate | ApiError::WrongServer(_))) | Err(_) => {}
            Ok(Err(error)) => {
                tracing::info!(code = error.code(), "the server refused the heartbeat");
                inner.heartbeat_now();
                return false;
            }
        }
        inner.heartbeat_now();
        true
    }
}
