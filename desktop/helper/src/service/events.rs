//! Listens to the server's event stream while there is a session. Changes that the server makes are known at once
//! instead of at the next heartbeat. Without a stream the helper works the same, only later.

use super::engine::Engine;
use crate::status::LaneStates;
use std::sync::Weak;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tornado_client::{Error as ApiError, EventStream};
use tornado_helper_api::{ControlPlane, Status};
use tornado_shared::api::{DeviceEvent, Lanes};
use tornado_shared::model::SessionId;

/// Delay before a stream that ended is opened again. A random delay of up to the same length is added, so that devices
/// whose streams ended together do not reconnect together.
const REOPEN_AFTER: Duration = Duration::from_secs(2);
/// The same if the server has no stream for this device.
const REFUSED_AFTER: Duration = Duration::from_secs(120);

/// Runs until shutdown, or until the engine was dropped.
pub(crate) async fn run(engine: Weak<Engine>, shutdown: CancellationToken) {
    let Some(mut status) = engine.upgrade().map(|engine| engine.status_changes()) else { return };
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
        None => return REOPEN_AFTER,
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
                return REOPEN_AFTER;
            }
        };
        let Some(engine) = engine.upgrade() else { return REOPEN_AFTER };
        match event {
            Ok(Some(event)) => engine.apply_event(event).await,
            Ok(None) => return REOPEN_AFTER,
            Err(error) => {
                tracing::debug!(code = error.code(), "the event stream ended");
                return REOPEN_AFTER;
            }
        }
    }
}

fn pause(error: &ApiError) -> Duration {
    match error.code() {
        // The heartbeat creates the session again.
        "session_expired" => REOPEN_AFTER,
        "streams_full" => REFUSED_AFTER,
        _ if error.is_transient() || error.wants_fresh_token() => REOPEN_AFTER * 5,
        _ => REFUSED_AFTER,
    }
}

impl Engine {
    async fn open_events(&self) -> Result<EventStream, ApiError> {
        let (api, access) = self.connection.lock().await.session_access().await?;
        api.events(&access).await
    }

    /// Applies an event to the session.
    async fn apply_event(&self, event: DeviceEvent) {
        match event {
            DeviceEvent::State { host, lanes } => {
                self.publish.lanes(LaneStates::from(&Lanes { lanes, host: None }));
                let disconnects = self.control.disconnects();
                self.connection.lock().await.set_offered_host(&host, disconnects).await;
            }
            DeviceEvent::Closed { reason } => {
                tracing::info!(?reason, "the server ended the session");
                // The response to the heartbeat says what to do next.
                self.connection.lock().await.heartbeat_now();
                self.wake.notify_one();
            }
            DeviceEvent::Quota { quota } => self.publish.quota(quota),
            DeviceEvent::Unknown => {}
        }
    }
}
