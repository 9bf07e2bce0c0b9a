//! Compares the lanes with the sessions, and settles the peers that differ.

use super::client::{LaneClient, Touch};
use crate::counters::Counters;
use crate::registry::{Reading, Registry};
use std::sync::Arc;
use tornado_contracts::wg::WgError;
use tornado_runtime::clock::Clock;
use tornado_shared::model::PublicKey;

pub(crate) struct Reconciler {
    lanes: Arc<LaneClient>,
    registry: Arc<Registry>,
    counters: Arc<Counters>,
    clock: Clock,
}

impl Reconciler {
    pub fn new(lanes: Arc<LaneClient>, registry: Arc<Registry>, counters: Arc<Counters>, clock: Clock) -> Self {
        Self { lanes, registry, counters, clock }
    }

    /// Replaces the peers with those of all sessions that should have some.
    pub async fn sync(&self) -> Result<(), WgError> {
        let (report, touched) = self.lanes.sync(|| self.registry.with_peers()).await?;
        tracing::info!(put = report.put, removed = report.removed, kept = report.kept, "lanes synced");
        for (device, key) in touched {
            let _guard = self.registry.locks.lock(device).await;
            if let Err(error) = self.settle(key).await {
                tracing::warn!(%error, "cannot settle a peer; the next comparison of the lanes retries");
            }
        }
        Ok(())
    }

    /// Makes one peer match its session. The caller holds the device's lock.
    async fn settle(&self, key: PublicKey) -> Result<(), WgError> {
        match self.registry.of_key(&key) {
            Some(entry) if entry.has_peers() => self.lanes.put(&entry).await,
            // A connect in progress holds the device's lock, so the entry found here was abandoned.
            Some(entry) => self.lanes.remove(&entry).await,
            None => self.lanes.remove_stray(key).await,
        }
    }

    /// Adds the bytes since the last reading, and records handshakes.
    pub async fn read_counters(&self) -> Result<(), WgError> {
        let (number, peers) = self.lanes.read().await?;
        let now = self.clock.now();
        for (key, reading) in Reading::by_key(&peers) {
            let entry = self.registry.of_key(&key);
            if entry.is_some_and(|entry| entry.apply_reading(reading, number, now)) {
                self.counters.handshakes.inc();
            }
        }
        Ok(())
    }

    /// Compares the lanes with the sessions and settles each difference under the lock of its device.
    pub async fn reconcile(&self) {
        let unsettled = self.compare().await;
        if !unsettled.is_empty() {
            tracing::warn!(peers = unsettled.len(), "lanes and sessions differ; settling peers");
        }
        for (device, key) in unsettled {
            let _guard = self.registry.locks.lock(device).await;
            let is_desired = self.registry.of_key(&key).is_some_and(|entry| entry.has_peers());
            if let Err(error) = self.settle(key).await {
                // One failure means that the others would fail, too. The next sweep handles the rest.
                tracing::warn!(%error, "cannot settle a peer; the next sweep retries");
                break;
            }
            let mut repairs = self.counters.repairs.lock();
            *(if is_desired { &mut repairs.peers_restored } else { &mut repairs.peers_removed }) += 1;
        }
    }

    /// Removes peers without a session immediately. Takes no lock, so a caller may hold one.
    pub async fn remove_strays(&self) {
        self.compare().await;
    }

    /// Removes peers without a session. Returns the peers to be settled under their devices' locks: peers of sessions
    /// that are not online, and missing peers of online sessions.
    async fn compare(&self) -> Vec<Touch> {
        // Read before the peers, so that a session that comes up in between does not count as one without a peer.
        let expected = self.registry.with_peers();
        // Nothing to compare before the first sync, in which the watcher sends the complete set.
        if !self.lanes.status().await.is_ok_and(|status| status.synced) {
            return Vec::new();
        }
        let Ok((_, peers)) = self.lanes.read().await else { return Vec::new() };
        let found = Reading::by_key(&peers);
        let mut unsettled = Vec::new();
        for key in found.keys() {
            if self.registry.of_key(key).is_none() {
                tracing::warn!("removing a peer without a session");
                if self.lanes.remove_stray(*key).await.is_ok() {
                    self.counters.repairs.lock().strays += 1;
                }
            }
            // Checked again, because its device may have connected during that call.
            match self.registry.of_key(key) {
                Some(entry) if !entry.has_peers() => unsettled.push((entry.device_id, *key)),
                Some(_) | None => {}
            }
        }
        for entry in expected {
            if !found.get(&entry.public_key).is_some_and(Reading::is_on_both_lanes) {
                unsettled.push((entry.device_id, entry.public_key));
            }
        }
        unsettled
    }
}
