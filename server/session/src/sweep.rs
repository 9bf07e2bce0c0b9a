//! The sweep: deadlines, comparison of lanes and sessions, checkpoints.

use crate::entry::Entry;
use crate::lanes::Touch;
use crate::machine::{Change, Machine};
use crate::pace::Pace;
use crate::service::Service;
use crate::usage::count;
use crate::watch::by_key;
use futures::StreamExt as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tornado_shared::model::{CloseReason, SessionState, Transfer, UnixSeconds};
use tornado_store::sessions::{AfterClose, CloseSession};

/// Number of sessions processed concurrently.
const AT_ONCE: usize = 16;

/// Runs until `shutdown`.
pub(crate) async fn run(service: Arc<Service>, shutdown: CancellationToken) {
    let mut ticks = tornado_runtime::every(Duration::from_secs(service.config.sweep_interval.into()));
    let checkpoint_interval = Duration::from_secs(service.config.checkpoint_interval.into());
    let mut next_checkpoint = Instant::now() + checkpoint_interval;
    let mut pace = Pace::new(service.now(), std::time::Instant::now());
    // Fetches the keys early, so that the first heartbeat does not wait. If `auth` is down, they are fetched on demand.
    drop(service.keys.fetch().await);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = tokio::time::sleep_until(next_checkpoint) => {
                service.checkpoint().await;
                next_checkpoint = Instant::now() + checkpoint_interval;
                continue;
            }
            () = shutdown.cancelled() => return,
        }
        // Both steps use the same clock reading. A later jump belongs to the next sweep.
        let now = service.now();
        if let Some(by) = pace.jump(now, std::time::Instant::now()) {
            service.heed_jump(by, now);
        }
        tokio::select! {
            () = service.sweep_at(now) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

impl Service {
    /// Restarts all timers after a jump of the clock: silence and timestamps across it mean nothing.
    pub fn heed_jump(&self, by: i64, now: UnixSeconds) {
        tracing::warn!(seconds = by, "clock jumped; restarted all session timers");
        for entry in self.registry.all() {
            let mut cell = entry.cell();
            cell.machine = cell.machine.clock_jumped(now);
            cell.dirty = true;
        }
    }

    #[cfg(test)]
    pub async fn sweep(&self) {
        self.sweep_at(self.now()).await;
    }

    /// Advances all sessions with a deadline up to `now`, then compares the lanes with the sessions.
    pub async fn sweep_at(&self, now: UnixSeconds) {
        let due = self.registry.all().into_iter().filter(|entry| self.is_due(entry, now));
        futures::stream::iter(due)
            .for_each_concurrent(AT_ONCE, |entry| async move { self.advance(&entry, now).await })
            .await;
        self.heed_allowances().await;
        self.heed_treatments().await;
        self.end_half_connects(now).await;
        let unsettled = self.compare_lanes().await;
        if !unsettled.is_empty() {
            tracing::warn!(peers = unsettled.len(), "lanes and sessions differ; settling peers");
        }
        for (device, key) in unsettled {
            let _guard = self.locks.lock(device).await;
            let wanted = self.registry.of_key(&key).is_some_and(|entry| entry.has_peers());
            if let Err(error) = self.settle(key).await {
                // One failure means that the others would fail, too. The next sweep handles the rest.
                tracing::warn!(%error, "cannot settle a peer; the next sweep retries");
                break;
            }
            count(if wanted { &self.counts.put_back } else { &self.counts.taken_away });
        }
        self.set_marks().await;
        self.forget_old().await;
    }

    /// Closes sessions that are stored as connecting but have no entry in memory. The database was late: the connect
    /// failed for the caller, but its rows were written. The device may never return.
    async fn end_half_connects(&self, now: UnixSeconds) {
        // Other calls report a database that is down.
        let Ok(rows) = self.store.connecting(&self.config.node_id).await else { return };
        for (session_id, device) in rows {
            // A connect in progress holds the lock. It leaves either an entry or rows that are not used.
            let Some(_guard) = self.locks.try_lock(device) else { continue };
            if self.registry.of_device(device).is_some_and(|entry| entry.session_id == session_id) {
                continue;
            }
            let close = CloseSession {
                session_id,
                reason: CloseReason::Failed,
                at: now,
                direct: Transfer::default(),
                tor: Transfer::default(),
                lease: AfterClose::Quarantine,
            };
            match self.store.close(&close).await {
                Ok(true) => {
                    tracing::warn!(session = %session_id, "closed a session whose connect had failed");
                    count(&self.counts.ended);
                }
                Ok(false) => {}
                Err(_) => return,
            }
        }
    }

    fn is_due(&self, entry: &Entry, now: UnixSeconds) -> bool {
        let cell = entry.cell();
        // The last two conditions follow a failed write.
        cell.machine.poll_timeout(&self.timers_of(entry)).is_some_and(|at| at <= now)
            || cell.machine.state() == SessionState::Closed
            || cell.machine.state() != cell.stored
    }

    /// Performs all transitions that are due for one session.
    async fn advance(&self, entry: &Arc<Entry>, now: UnixSeconds) {
        let _guard = self.locks.lock(entry.device_id).await;
        let known = self.registry.of_device(entry.device_id);
        if known.is_none_or(|known| known.session_id != entry.session_id) {
            return;
        }
        let timers = self.timers_of(entry);
        // An earlier handshake brought the session back online. The event is published here.
        let recovered = {
            let cell = entry.cell();
            cell.stored == SessionState::Offline && cell.machine.state() == SessionState::Online
        };
        let left_behind = !(recovered && entry.plain) && {
            let cell = entry.cell();
            cell.machine.state() != cell.stored && cell.machine.state() != SessionState::Closed
        };
        if recovered && entry.plain {
            self.publish(entry, Change::Recovered, now).await;
        }
        loop {
            // Decided and set in one step, so that a concurrent handshake comes either before or after it.
            let change = {
                let mut cell = entry.cell();
                let (machine, change) = cell.machine.handle_timeout(now, &timers);
                cell.machine = machine;
                change
            };
            match change {
                Some(Change::WentOffline) => self.go_offline(entry, now).await,
                Some(Change::Closed(_)) | None => break,
                Some(Change::Created | Change::Recovered) => {}
            }
        }
        match self.persist_state(entry).await {
            Ok(()) if left_behind => count(&self.counts.written),
            Ok(()) => {}
            Err(_) => {
                tracing::warn!(session = %entry.session_id, "cannot store a state; the next sweep retries");
            }
        }
        let machine = entry.cell().machine;
        if let Machine::Closed(closed) = machine {
            drop(self.close(entry, closed.reason, AfterClose::Quarantine).await);
        }
    }

    async fn go_offline(&self, entry: &Arc<Entry>, now: UnixSeconds) {
        // The peers of an exported device must stay: a handshake is its only way to come back.
        if !entry.plain
            && let Err(error) = self.lanes.remove(entry).await
        {
            tracing::warn!(%error, "cannot remove the peer of an offline session; retrying");
        }
        self.publish(entry, Change::WentOffline, now).await;
    }

    /// Compares the lanes with the sessions. Removes peers without a session immediately. Returns the peers to be
    /// settled under their devices' locks: peers of sessions that are not online, and missing peers of online sessions.
    /// Takes no lock, so a caller may hold one.
    pub async fn compare_lanes(&self) -> Vec<Touch> {
        // Read before the peers, so that a session that comes up in between does not count as one without a peer.
        let expected = self.online();
        // Nothing to compare before the first sync, in which the watcher sends the complete set.
        if !self.lanes.status().await.is_ok_and(|status| status.synced) {
            return Vec::new();
        }
        let Ok((_, peers)) = self.lanes.read().await else { return Vec::new() };
        let found = by_key(&peers);
        let mut unsettled = Vec::new();
        for key in found.keys() {
            if self.registry.of_key(key).is_none() {
                tracing::warn!("removing a peer without a session");
                if self.lanes.remove_stray(*key).await.is_ok() {
                    count(&self.counts.strays);
                }
            }
            // Checked again, because its device may have connected during that call.
            match self.registry.of_key(key) {
                Some(entry) if !entry.has_peers() => unsettled.push((entry.device_id, *key)),
                Some(_) | None => {}
            }
        }
        for entry in expected {
            let whole = found.get(&entry.public_key).is_some_and(|peer| peer.direct.is_some() && peer.tor.is_some());
            if !whole {
                unsettled.push((entry.device_id, entry.public_key));
            }
        }
        unsettled
    }

    /// Stores changed activity and counters.
    pub async fn checkpoint(&self) {
        let entries = self.registry.all();
        let points: Vec<_> = entries.iter().filter_map(|entry| entry.take_checkpoint()).collect();
        if points.is_empty() {
            return;
        }
        if let Err(error) = self.store.checkpoint(&points).await {
            tracing::error!(%error, sessions = points.len(), "cannot write a checkpoint; retrying");
            for entry in entries {
                entry.cell().dirty = true;
            }
        }
    }
}
