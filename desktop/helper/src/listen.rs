//! Listens to the server's event stream while there is a session. Changes that the server makes are known at once
//! instead of at the next heartbeat. Without a stream the helper works the same, only later.

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

/// Delay before a stream that ended is opened again. A random delay of up to the same length is added, so that devices
/// whose streams ended together do not reconnect together.
const AGAIN: Duration = Duration::from_secs(2);
/// The same if the server has no stream for this device.
const REFUSED: Duration = Duration::from_secs(120);

/// Runs until shutdown, or until the engine was dropped.
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

/// Reads one stream until it ends. Returns the delay before the next one.
async fn listen(engine: &Weak<Engine>, session: SessionId, status: &mut watch::Receiver<Status>) -> Duration {
    let opened = match engine.upgrade() {
        Some(engine) => engine.open_events().await,
        None => return AGAIN,
    };
    let mut stream = match opened {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(code = error.code(), "cannot open the server's event stream");
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
        // The heartbeat creates the session again.
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

    /// Applies an event to the session.
    async fn told(&self, event: DeviceEvent) {
        match event {
            DeviceEvent::State { host, lanes } => {
                self.publish.lanes(LaneStates::from(&Lanes { lanes, host: None }));
                self.offered_at(&host).await;
            }
            DeviceEvent::Closed { reason } => {
                tracing::info!(?reason, "the server ended the session");
                // The response to the heartbeat says what to do next.
                self.inner.lock().await.heartbeat_now();
                self.wake.notify_one();
            }
            DeviceEvent::Quota { quota } => self.publish.quota(quota),
            DeviceEvent::Unknown => {}
        }
    }

    /// Stores the host at which the server offers its lanes, and requests a new offer if it changed.
    async fn offered_at(&self, host: &str) {
        let wish = self.wish();
        let mut inner = self.inner.lock().await;
        inner.note_offered(host);
        self.follow_host(&mut inner, host, wish).await;
    }

    /// Requests a new offer if the server's lanes moved to another host.
    pub(crate) async fn follow_host(&self, inner: &mut Inner, host: &str, wish: u64) {
        let Some(session) = &inner.session else { return };
        if session.connection.on(session.lane).endpoint.host == plain(host) {
            return;
        }
        match inner.initiate_again().await {
            Ok(true) if self.wish() == wish => {
                tracing::info!("the server moved its lanes to another address");
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
            Err(error) => tracing::info!(code = error.code(), "cannot get a new offer from the server"),
        }
    }
}
