//! Listens to the server while there is a session: what it ends or shuts is known at once instead of at the next
//! heartbeat. A server without the stream, or without a free one, costs nothing but that.

use crate::account::plain;
use crate::engine::Engine;
use crate::lanes::LaneStates;
use crate::session::Inner;
use std::sync::Weak;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tornado_client::{Error as ApiError, EventStream};
use tornado_helper_api::{ControlPlane, Status};
use tornado_rpc::ServiceError as _;
use tornado_shared::api::{DeviceEvent, Lanes};
use tornado_shared::model::SessionId;

/// Pause before a stream that ended is opened again; with up to as much on top, so that devices whose streams ended
/// together do not come back together.
const AGAIN: Duration = Duration::from_secs(2);
/// The same after a server that has no stream for this device.
const REFUSED: Duration = Duration::from_secs(120);

/// Runs until shutdown, or until the engine is gone.
pub(crate) async fn run(engine: Weak<Engine>, shutdown: CancellationToken) {
    let Some(mut status) = engine.upgrade().map(|engine| engine.publish.watch()) else { return };
    let listen = async {
        while let Some(session) = until_connected(&mut status).await {
            let pause = listen(&engine, session, &mut status).await;
            tokio::time::sleep(pause.mul_f64(1.0 + rand::random::<f64>())).await;
        }
    };
    shutdown.run_until_cancelled(listen).await;
}

async fn until_connected(status: &mut watch::Receiver<Status>) -> Option<SessionId> {
    let ready = |status: &Status| status.session.is_some() && status.control == ControlPlane::Reachable;
    status.wait_for(ready).await.ok()?.session
}

/// One stream from its beginning to its end. Returns how long to wait before the next.
async fn listen(engine: &Weak<Engine>, session: SessionId, status: &mut watch::Receiver<Status>) -> Duration {
    let opened = match engine.upgrade() {
        Some(engine) => engine.open_events().await,
        None => return AGAIN,
    };
    let mut stream = match opened {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(code = error.code(), "the server has no event stream for this device");
            return pause(&error);
        }
    };
    tracing::info!("listening to the server's events");
    loop {
        let event = tokio::select! {
            event = stream.next() => event,
            over = status.wait_for(|status| status.session != Some(session)) => {
                drop(over);
                return AGAIN;
            }
        };
        let Some(engine) = engine.upgrade() else { return AGAIN };
        match event {
            Ok(Some(event)) => engine.told(event).await,
            Ok(None) => return AGAIN,
            Err(error) => {
                tracing::debug!(code = error.code(), "the event stream ended");
                return AGAIN;
            }
        }
    }
}

fn pause(error: &ApiError) -> Duration {
    match error.code() {
        // The heartbeat makes the session again.
        "session_expired" => AGAIN,
        "streams_full" => REFUSED,
        _ if error.is_transient() || error.wants_fresh_token() => AGAIN * 5,
        _ => REFUSED,
    }
}

impl Engine {
    async fn open_events(&self) -> Result<EventStream, ApiError> {
        let (api, access) = {
            let mut inner = self.inner.lock().await;
            let Some(api) = inner.session.as_ref().map(|session| session.server.api.clone()) else {
                return Err(ApiError::Setup("there is no session".into()));
            };
            inner.renew_if_due(&api).await?;
            (api, inner.access())
        };
        api.events(&access).await
    }

    /// What a message means for the session.
    async fn told(&self, event: DeviceEvent) {
        match event {
            DeviceEvent::State { host, lanes } => {
                self.publish.lanes(LaneStates::from(&Lanes { lanes, host: None }));
                self.offered_at(&host).await;
            }
            DeviceEvent::Closed { reason } => {
                tracing::info!(?reason, "the server ended the session");
                // The heartbeat's refusal says what may be done about it.
                self.inner.lock().await.heartbeat_now();
                self.wake.notify_one();
            }
            DeviceEvent::Quota { quota } => self.publish.quota(quota),
            DeviceEvent::Unknown => {}
        }
    }

    /// The server's name for its lanes; another than in the offer is asked for again.
    async fn offered_at(&self, host: &str) {
        let wish = self.wish();
        let mut inner = self.inner.lock().await;
        inner.note_offered(host);
        self.follow_host(&mut inner, host, wish).await;
    }

    /// Asks for another offer where the server offers its lanes at another host than before.
    pub(crate) async fn follow_host(&self, inner: &mut Inner, host: &str, wish: u64) {
        let Some(session) = &inner.session else { return };
        if session.connection.on(session.lane).endpoint.host == plain(host) {
            return;
        }
        match inner.initiate_again().await {
            Ok(true) if self.wish() == wish => {
                tracing::info!("the server offers its lanes at another address");
                self.publish.session(inner.session_id());
                let applied = inner.apply(&self.tunnel, &self.wishes).await;
                if self.undone(wish).await {
                    return;
                }
                if let Err(error) = applied {
                    self.publish.notice(error.code(), &error);
                }
            }
            Ok(_) => {}
            Err(error) => tracing::info!(code = error.code(), "the new offer was not made"),
        }
    }
}
