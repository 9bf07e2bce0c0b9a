//! State shared by all use cases, and the steps that transitions have in common.

use crate::allowance::Warned;
use crate::config::Config;
use crate::entry::Entry;
use crate::fault;
use crate::keys::Keys;
use crate::lanes::Lanes;
use crate::locks::DeviceLocks;
use crate::machine::{Change, Timers};
use crate::marks::Marks;
use crate::quota::Quota;
use crate::registry::Registry;
use crate::treatment::Treatments;
use crate::usage::{Counts, count};
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, Semaphore};
use tornado_contracts::auth::Auth;
use tornado_contracts::session::{EventKind, SessionError, SessionEvent};
use tornado_contracts::tor::Tor;
use tornado_contracts::wg::Wg;
use tornado_live::LiveStore;
use tornado_shared::model::{CloseReason, SessionState, UnixSeconds};
use tornado_store::StoreError;
use tornado_store::sessions::{AfterClose, CloseSession, SessionRow, SessionStore};

/// Limit of simultaneous subscribers of the event stream.
const MAX_STREAMS: usize = 64;

/// Returns seconds since the Unix epoch.
pub(crate) type Clock = Arc<dyn Fn() -> UnixSeconds + Send + Sync>;

/// Dependencies of the service.
pub(crate) struct Parts {
    pub store: Arc<dyn SessionStore>,
    pub live: Arc<dyn LiveStore>,
    pub auth: Arc<dyn Auth>,
    pub wg: Arc<dyn Wg>,
    pub tor: Arc<dyn Tor>,
    pub clock: Clock,
}

pub(crate) struct Service {
    pub config: Config,
    pub timers: Timers,
    pub store: Arc<dyn SessionStore>,
    pub live: Arc<dyn LiveStore>,
    pub auth: Arc<dyn Auth>,
    pub keys: Keys,
    pub lanes: Lanes,
    pub tor: Arc<dyn Tor>,
    /// Rate limit for changes of circuits.
    pub quota: Mutex<Quota>,
    /// Wakes the task that reports exit countries to `tor`.
    pub look_at_countries: Notify,
    pub registry: Registry,
    pub locks: DeviceLocks,
    pub clock: Clock,
    /// Wakes the task that watches the lanes.
    pub look_at_lanes: Notify,
    pub streams: Arc<Semaphore>,
    pub counts: Counts,
    pub marks: Marks,
    pub treatments: Treatments,
    /// Warnings about low quotas.
    pub warned: Warned,
}

impl Service {
    /// Restores all live sessions from the store. Devices are not affected: their peers stay on the lanes.
    pub async fn restore(config: Config, parts: Parts) -> Result<Arc<Self>, StoreError> {
        let service = Self {
            timers: config.timers(),
            keys: Keys::new(parts.auth.clone()),
            lanes: Lanes::new(parts.wg),
            tor: parts.tor,
            quota: Mutex::new(Quota::new(config.identity_changes)),
            look_at_countries: Notify::new(),
            store: parts.store,
            live: parts.live,
            auth: parts.auth,
            registry: Registry::default(),
            counts: Counts { since: (parts.clock)(), ..Counts::default() },
            locks: DeviceLocks::default(),
            marks: Marks::default(),
            treatments: Treatments::default(),
            warned: Warned::default(),
            clock: parts.clock,
            look_at_lanes: Notify::new(),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            config,
        };
        let rows = service.store.live(&service.config.node_id).await?;
        let count = rows.len();
        for row in rows {
            service.restore_row(row).await?;
        }
        for (device, country) in service.store.exits(&service.config.node_id).await? {
            if let Some(entry) = service.registry.of_device(device) {
                entry.cell().exit = Some(country);
            }
        }
        tracing::info!(sessions = count, "live sessions restored");
        Ok(Arc::new(service))
    }

    async fn restore_row(&self, row: SessionRow) -> Result<(), StoreError> {
        let now = self.now();
        let given_up = CloseSession {
            session_id: row.session_id,
            reason: CloseReason::Failed,
            at: now,
            direct: row.direct.total,
            tor: row.tor.total,
            lease: AfterClose::Quarantine,
        };
        // A crash interrupted the connect: its caller received no response, and the sync removes its peer.
        if row.state == SessionState::Connecting {
            count(&self.counts.ended);
            self.store.close(&given_up).await?;
            return Ok(());
        }
        let known = self.live.get(row.session_id).await.unwrap_or_default();
        let Some(entry) = Entry::new(row, &self.config.pools, now, known) else {
            tracing::warn!("closed a stored session outside the address pools");
            count(&self.counts.ended);
            self.store.close(&given_up).await?;
            return Ok(());
        };
        if known.is_none()
            && let Err(error) = self.live.open(entry.session_id, entry.facts()).await
        {
            tracing::warn!(%error, "cannot restore live state of a session");
        }
        self.registry.insert(Arc::new(entry));
        Ok(())
    }

    /// Timers of one session. An exported device sends no heartbeats, so its session never expires.
    pub fn timers_of(&self, entry: &Entry) -> Timers {
        if entry.plain { self.timers.endless() } else { self.timers }
    }

    pub fn now(&self) -> UnixSeconds {
        (self.clock)()
    }

    /// Stores the state of the machine if the stored state differs.
    pub async fn persist_state(&self, entry: &Entry) -> Result<(), SessionError> {
        let (from, to, since) = {
            let cell = entry.cell();
            (cell.stored, cell.machine.state(), cell.machine.offline_since())
        };
        if from == to || to == SessionState::Closed {
            return Ok(());
        }
        match self.store.transition(entry.session_id, from, to, since).await {
            Ok(true) => {
                entry.cell().stored = to;
                Ok(())
            }
            // Closed elsewhere, for example by another gateway to which the device connected.
            Ok(false) => {
                let mut cell = entry.cell();
                cell.machine = cell.machine.close(CloseReason::Replaced).0;
                Err(SessionError::SessionExpired)
            }
            Err(error) => Err(fault::store(&error)),
        }
    }

    /// Publishes a state change.
    pub async fn publish(&self, entry: &Entry, change: Change, at: UnixSeconds) {
        self.publish_kind(entry, EventKind::from(change), at).await;
    }

    /// Publishes an event of a session to all subscribers.
    pub async fn publish_kind(&self, entry: &Entry, kind: EventKind, at: UnixSeconds) {
        let event =
            SessionEvent { at, kind, session_id: entry.session_id, user_id: entry.user_id, device_id: entry.device_id };
        tracing::info!(session = %event.session_id, device = %event.device_id, ?kind, "session event");
        let Ok(line) = serde_json::to_string(&event) else { return };
        if let Err(error) = self.live.publish(line.into()).await {
            tracing::warn!(%error, "cannot publish an event");
        }
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
