//! The sweep: what is due by the clock, lanes against sessions, checkpoints.

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

/// Sessions that are moved at once.
const AT_ONCE: usize = 16;

/// Runs until `shutdown`.
pub(crate) async fn run(service: Arc<Service>, shutdown: CancellationToken) {
    let mut ticks = tornado_runtime::every(Duration::from_secs(service.config.sweep_interval.into()));
    let checkpoint_interval = Duration::from_secs(service.config.checkpoint_interval.into());
    let mut next_checkpoint = Instant::now() + checkpoint_interval;
    let mut pace = Pace::new(service.now(), std::time::Instant::now());
    // Early, so that the first heartbeat does not wait for it; without `auth` it is tried again when needed.
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
        // One look at the clock for both: a jump after it belongs to the next sweep.
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
    /// The clock jumped: nobody was silent for so long, and nobody will be heard in the past.
    pub fn heed_jump(&self, by: i64, now: UnixSeconds) {
        tracing::warn!(seconds = by, "the clock jumped; signs of life count anew from now on");
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

    /// Moves every session whose time has come at `now`, then compares the lanes with the sessions.
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
            tracing::warn!(peers = unsettled.len(), "lanes and sessions differ; settling");
        }
        for (device, key) in unsettled {
            let _guard = self.locks.lock(device).await;
            let wanted = self.registry.of_key(&key).is_some_and(|entry| entry.has_peers());
            if let Err(error) = self.settle(key).await {
                // What one peer meets, thousands would: the rest waits for the next sweep.
                tracing::warn!(%error, "a peer could not be settled; trying again at the next sweep");
                break;
            }
            count(if wanted { &self.counts.put_back } else { &self.counts.taken_away });
        }
        self.set_marks().await;
        self.forget_old().await;
    }

    /// Ends sessions that are stored as connecting and known to nobody. Their connect was answered with an error since
    /// the database was late, which wrote them after all; their devices may never come back for them.
    async fn end_half_connects(&self, now: UnixSeconds) {
        // A database that is away has said so to others.
        let Ok(rows) = self.store.connecting(&self.config.node_id).await else { return };
        for (session_id, device) in rows {
            // Whoever connects holds it, and leaves either an entry or nothing that will ever be used.
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
                    tracing::warn!(session = %session_id, "a connect that nobody was answered was ended");
                    count(&self.counts.ended);
                }
                Ok(false) => {}
                Err(_) => return,
            }
        }
    }

    fn is_due(&self, entry: &Entry, now: UnixSeconds) -> bool {
        let cell = entry.cell();
        // The last two are left over from a write that failed.
        cell.machine.poll_timeout(&self.timers_of(entry)).is_some_and(|at| at <= now)
            || cell.machine.state() == SessionState::Closed
            || cell.machine.state() != cell.stored
    }

    /// Does what is due for one session.
    async fn advance(&self, entry: &Arc<Entry>, now: UnixSeconds) {
        let _guard = self.locks.lock(entry.device_id).await;
        let known = self.registry.of_device(entry.device_id);
        if known.is_none_or(|known| known.session_id != entry.session_id) {
            return;
        }
        let timers = self.timers_of(entry);
        // A handshake that was read since brought it back; here is where everybody hears of it.
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
            // Decided and set in one step, so a handshake that is read meanwhile is either before or after.
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
                tracing::warn!(session = %entry.session_id, "a state was not written; the next sweep tries again");
            }
        }
        let machine = entry.cell().machine;
        if let Machine::Closed(closed) = machine {
            drop(self.close(entry, closed.reason, AfterClose::Quarantine).await);
        }
    }

    async fn go_offline(&self, entry: &Arc<Entry>, now: UnixSeconds) {
        // An ordinary WireGuard app could never say that it is back if its peers were gone.
        if !entry.plain
            && let Err(error) = self.lanes.remove(entry).await
        {
            tracing::warn!(%error, "the peer of an offline session could not be removed; trying again");
        }
        self.publish(entry, Change::WentOffline, now).await;
    }

    /// Compares the lanes with the sessions. Takes away peers without a session at once; gives back those to
    /// be settled under their devices' locks: a peer of a session that is not online, an online session
    /// without its peer. Takes no lock itself, so it may be called under one.
    pub async fn compare_lanes(&self) -> Vec<Touch> {
        // Before the peers are read, so that a session which came up meanwhile is not taken for one without.
        let expected = self.online();
        // Before the first sync there is nothing to compare: the watcher sends the whole set.
        if !self.lanes.status().await.is_ok_and(|status| status.synced) {
            return Vec::new();
        }
        let Ok((_, peers)) = self.lanes.read().await else { return Vec::new() };
        let found = by_key(&peers);
        let mut unsettled = Vec::new();
        for key in found.keys() {
            if self.registry.of_key(key).is_none() {
                tracing::warn!("a peer without a session was found; removing it");
                if self.lanes.remove_stray(*key).await.is_ok() {
                    count(&self.counts.strays);
                }
            }
            // Also when its device connected while that call was under way.
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

    /// Writes signs of life and counters that changed.
    pub async fn checkpoint(&self) {
        let entries = self.registry.all();
        let points: Vec<_> = entries.iter().filter_map(|entry| entry.take_checkpoint()).collect();
        if points.is_empty() {
            return;
        }
        if let Err(error) = self.store.checkpoint(&points).await {
            tracing::error!(%error, sessions = points.len(), "a checkpoint was not written; trying again");
            for entry in entries {
                entry.cell().dirty = true;
            }
        }
    }
}
