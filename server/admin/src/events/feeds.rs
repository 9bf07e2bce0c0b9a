//! Tasks that publish what changes. They call no service while there is no reader, except the stream of `tor`.

use super::Hub;
use super::hub::SESSION;
use crate::api::{Services, services_view, session_event, session_numbers, tor_view};
use futures::StreamExt as _;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tornado_contracts::auth::Acting;
use tornado_contracts::operator::sessions::EventsAfter;
use tornado_contracts::tor::{TorClient, TorEvent};
use tornado_rpc::{NoInput, ServiceError as _};
use tornado_runtime::rest;

/// Pause between two readings of a service that has no stream.
const PERIOD: Duration = Duration::from_secs(1);
/// Pause before a broken stream is opened again.
const RETRY: Duration = Duration::from_secs(2);

/// Publishes `services` when the state of a process changes.
pub async fn follow_services(hub: Arc<Hub>, services: Arc<Services>, stop: CancellationToken) {
    let mut last = None;
    while stop.run_until_cancelled(rest(PERIOD)).await.is_some() {
        if !hub.is_read() {
            last = None;
        } else if let Ok(status) = services.master.status(NoInput {}).await {
            publish_changed(&hub, "services", "services.read", &services_view(status), &mut last);
        }
    }
}

/// Publishes `sessions`, the numbers of sessions and addresses, when they change.
pub async fn follow_numbers(hub: Arc<Hub>, services: Arc<Services>, stop: CancellationToken) {
    let mut last = None;
    while stop.run_until_cancelled(rest(PERIOD)).await.is_some() {
        if !hub.is_read() {
            last = None;
            continue;
        }
        let (status, pool) = tokio::join!(services.sessions.status(NoInput {}), services.sessions.pool(NoInput {}));
        if let (Ok(status), Ok(pool)) = (status, pool) {
            publish_changed(&hub, "sessions", "sessions.read", &session_numbers(status, pool), &mut last);
        }
    }
}

/// Publishes `session` for each change of a session. When events were lost, readers receive `resync`.
pub async fn follow_sessions(hub: Arc<Hub>, services: Arc<Services>, stop: CancellationToken) {
    let mut after = None;
    while !stop.is_cancelled() {
        let Some((reader, token)) = hub.token() else {
            after = None;
            stop.run_until_cancelled(hub.arrival()).await;
            continue;
        };
        let wanted = Acting::operator(token, EventsAfter { after });
        match stop.run_until_cancelled(services.operator_sessions.next_events(wanted)).await {
            Some(Ok(page)) => {
                // Readers that came before the first position was known have missed what happened since.
                if after.is_none() || !page.is_whole {
                    hub.lose();
                }
                for event in page.events {
                    publish(&hub, SESSION, "sessions.read", &session_event(event));
                }
                after = Some(page.next);
            }
            Some(Err(error)) if [401, 403].contains(&error.status()) => hub.forget(reader),
            Some(Err(_)) => {
                stop.run_until_cancelled(rest(RETRY)).await;
            }
            None => {}
        }
    }
}

/// Publishes `tor` for each full status of the stream of service `tor`, and `tor_bootstrap` for each step.
pub async fn follow_tor(hub: Arc<Hub>, tor: TorClient, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Some(Ok(mut events)) = stop.run_until_cancelled(tor.events()).await {
            while let Some(Some(event)) = stop.run_until_cancelled(events.next()).await {
                publish_tor(&hub, event);
            }
        }
        stop.run_until_cancelled(rest(RETRY)).await;
    }
}

fn publish_tor(hub: &Hub, event: TorEvent) {
    match event {
        TorEvent::Status(status) => publish(hub, "tor", "tor.read", &tor_view(*status)),
        TorEvent::Bootstrap(step) => publish(hub, "tor_bootstrap", "tor.read", &step),
        TorEvent::Probe(_)
        | TorEvent::Circuit(_)
        | TorEvent::Streams { .. }
        | TorEvent::Bandwidth(_)
        | TorEvent::Liveness { .. }
        | TorEvent::Lost { .. } => {}
    }
}

fn publish(hub: &Hub, kind: &'static str, right: &'static str, data: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(data) {
        hub.publish(kind, right, text);
    }
}

fn publish_changed(
    hub: &Hub,
    kind: &'static str,
    right: &'static str,
    data: &impl Serialize,
    last: &mut Option<String>,
) {
    let Ok(text) = serde_json::to_string(data) else { return };
    if last.as_ref() != Some(&text) {
        hub.publish(kind, right, text.clone());
        *last = Some(text);
    }
}
