//! Volatile state: latest activity of the sessions, and the event stream. A failure is logged and never fails a call;
//! whatever was lost is written again with the next heartbeat.
//!
//! The stream has one line of JSON per event, for the console and for the event streams of devices. Lines contain ids
//! only, no names and no addresses.

use crate::counters::Counters;
use crate::machine::Change;
use crate::registry::Entry;
use futures::Stream;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tornado_contracts::session::{EventKind, SessionError, SessionEvent};
use tornado_live::{EventLine, Events, LiveFacts, LiveStore};
use tornado_rpc::Fault;
use tornado_shared::model::{SessionId, UnixSeconds};

/// Limit of simultaneous subscribers of the event stream.
pub(crate) const MAX_STREAMS: usize = 64;

/// Last line for a subscriber that was too slow. It is not a valid event, so readers stop there.
const CUT: &str = r#"{"note":"events were lost because they were not read in time; subscribe again"}"#;

/// Client side of the live store.
pub(crate) struct LiveState {
    store: Arc<dyn LiveStore>,
    counters: Arc<Counters>,
    streams: Arc<Semaphore>,
}

impl LiveState {
    pub fn new(store: Arc<dyn LiveStore>, counters: Arc<Counters>) -> Self {
        Self { store, counters, streams: Arc::new(Semaphore::new(MAX_STREAMS)) }
    }

    /// Known activity of a session; `None` also if the live store does not respond.
    pub async fn get(&self, session: SessionId) -> Option<LiveFacts> {
        self.store.get(session).await.unwrap_or_default()
    }

    pub async fn open(&self, entry: &Entry, client_ip: Option<IpAddr>) {
        let facts = LiveFacts { client_ip, ..entry.facts() };
        if let Err(error) = self.store.open(entry.session_id, facts).await {
            tracing::warn!(%error, "cannot write live state of a session");
        }
    }

    pub async fn update(&self, entry: &Entry) {
        match self.store.update(entry.session_id, entry.facts()).await {
            Ok(true) => {}
            // Live state may be lost at any time and is rebuilt here.
            Ok(false) => {
                if self.store.open(entry.session_id, entry.facts()).await.is_ok() {
                    self.counters.repairs.lock().live_restored += 1;
                }
            }
            // The Redis link logs an outage once; not every heartbeat should log it.
            Err(error) => tracing::debug!(%error, "cannot write a heartbeat to live state"),
        }
    }

    pub async fn forget(&self, entry: &Entry) {
        if let Err(error) = self.store.forget(entry.session_id).await {
            tracing::warn!(%error, "cannot remove live state of a closed session");
        }
    }

    /// Publishes an event of a session to all subscribers.
    pub async fn publish(&self, entry: &Entry, kind: EventKind, at: UnixSeconds) {
        let event =
            SessionEvent { at, kind, session_id: entry.session_id, user_id: entry.user_id, device_id: entry.device_id };
        tracing::info!(session = %event.session_id, device = %event.device_id, ?kind, "session event");
        let Ok(line) = serde_json::to_string(&event) else { return };
        if let Err(error) = self.store.publish(line.into()).await {
            tracing::warn!(%error, "cannot publish an event");
        }
    }

    /// Events from now on, until `shutdown`, or until the subscriber was too slow.
    pub async fn subscribe(
        &self,
        shutdown: CancellationToken,
    ) -> Result<impl Stream<Item = EventLine> + Send + use<>, SessionError> {
        let Ok(slot) = self.streams.clone().try_acquire_owned() else {
            return Err(Fault::Unavailable("too many event streams are open".into()).into());
        };
        let events = self.store.subscribe().await.map_err(|error| Fault::Unavailable(error.to_string()))?;
        let subscription = Subscription { events, shutdown, _slot: slot, ended: false };
        Ok(futures::stream::unfold(subscription, Subscription::next))
    }

    /// Number of event streams that may still be opened.
    #[cfg(test)]
    pub fn free_streams(&self) -> usize {
        self.streams.available_permits()
    }

    #[cfg(test)]
    pub const fn store(&self) -> &Arc<dyn LiveStore> {
        &self.store
    }
}

impl From<Change> for EventKind {
    fn from(change: Change) -> Self {
        match change {
            Change::Created => Self::Created,
            Change::WentOffline => Self::Offline,
            Change::Recovered => Self::Recovered,
            Change::Closed(reason) => Self::Closed(reason),
        }
    }
}

struct Subscription {
    events: Events,
    shutdown: CancellationToken,
    _slot: OwnedSemaphorePermit,
    ended: bool,
}

impl Subscription {
    async fn next(mut self) -> Option<(EventLine, Self)> {
        if self.ended {
            return None;
        }
        let line = self.shutdown.run_until_cancelled(self.events.next()).await?;
        match line {
            Some(line) => Some((line, self)),
            None if self.events.was_cut() => {
                self.ended = true;
                Some((EventLine::from(CUT), self))
            }
            None => None,
        }
    }
}
