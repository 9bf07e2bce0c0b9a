//! Calls to service `wg`: peers, syncs and counter readings.
//!
//! A sync sends the complete desired set, and other calls do not wait for it. Peers that are put or removed during a
//! sync are recorded and settled again after it, so that neither call undoes the other.

use crate::registry::Entry;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;
use tornado_contracts::wg::{
    KnownStatus, LaneEnd, PeerStatus, RemovePeer, SetGroups, SyncPeers, SyncReport, Wg, WgError, WgStatus,
};
use tornado_rpc::NoInput;
use tornado_shared::model::{DeviceId, PublicKey};

/// Client side of service `wg`.
pub(crate) struct LaneClient {
    wg: Arc<dyn Wg>,
    ends: Mutex<Option<Vec<LaneEnd>>>,
    touched: Mutex<Touched>,
    readings: AtomicU64,
    /// Wakes the watcher.
    check: Notify,
}

/// Device and key of a peer.
pub(crate) type Touch = (DeviceId, PublicKey);

/// Peers that are being put or removed.
#[derive(Default)]
struct Touched {
    in_flight: Vec<Touch>,
    /// Peers in flight at any time since the current sync began.
    since_sync: Option<Vec<Touch>>,
}

/// A call that puts or removes a peer, from before the request until after the response.
struct InFlight<'a>(&'a LaneClient, Touch);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut touched = self.0.touched.lock();
        if let Some(at) = touched.in_flight.iter().position(|touch| *touch == self.1) {
            touched.in_flight.swap_remove(at);
        }
    }
}

impl LaneClient {
    pub fn new(wg: Arc<dyn Wg>) -> Self {
        Self {
            wg,
            ends: Mutex::default(),
            touched: Mutex::default(),
            readings: AtomicU64::new(1),
            check: Notify::new(),
        }
    }

    /// Adds or updates a session's peer on both lanes.
    pub async fn put(&self, entry: &Entry) -> Result<(), WgError> {
        let _in_flight = self.touch(entry);
        let done = self.wg.put_peer(entry.spec()).await.map(|_| ());
        entry.set_readings_from(self.next_reading());
        done
    }

    /// Removes a session's peer from both lanes and counts its last bytes.
    pub async fn remove(&self, entry: &Entry) -> Result<(), WgError> {
        let _in_flight = self.touch(entry);
        // Rejects readings until the response arrives: they may or may not contain the last bytes.
        entry.set_readings_from(u64::MAX);
        let removed = self.wg.remove_peer(RemovePeer { public_key: entry.public_key }).await;
        entry.set_readings_from(self.next_reading());
        entry.count_removed(removed?);
        Ok(())
    }

    /// Removes a peer that has no session here.
    pub async fn remove_stray(&self, public_key: PublicKey) -> Result<(), WgError> {
        self.wg.remove_peer(RemovePeer { public_key }).await.map(|_| ())
    }

    /// Replaces the peers with those of the sessions that `desired` returns. Returns the peers that were put or removed
    /// during the sync.
    pub async fn sync(&self, desired: impl FnOnce() -> Vec<Arc<Entry>>) -> Result<(SyncReport, Vec<Touch>), WgError> {
        {
            // Recording starts before the desired set is read.
            let mut touched = self.touched.lock();
            touched.since_sync = Some(touched.in_flight.clone());
        }
        let peers = desired().iter().map(|entry| entry.spec()).collect();
        let report = self.wg.sync_peers(SyncPeers { peers }).await;
        let touched = self.touched.lock().since_sync.take().unwrap_or_default();
        Ok((report?, touched))
    }

    /// Replaces the groups.
    pub async fn set_groups(&self, groups: SetGroups) -> Result<(), WgError> {
        self.wg.set_groups(groups).await.map(drop)
    }

    pub async fn status(&self) -> Result<WgStatus, WgError> {
        let status = self.wg.status(NoInput {}).await?;
        self.record_ends(&status);
        Ok(status)
    }

    /// Waits for a status that differs from the known one.
    pub async fn next_status(&self, known: KnownStatus) -> Result<WgStatus, WgError> {
        let status = self.wg.next_status(known).await?;
        self.record_ends(&status);
        Ok(status)
    }

    /// Makes the watcher check the status now.
    pub fn request_check(&self) {
        self.check.notify_one();
    }

    /// Waits for [`request_check`](Self::request_check).
    pub async fn check_requested(&self) {
        self.check.notified().await;
    }

    fn record_ends(&self, status: &WgStatus) {
        *self.ends.lock() = Some(status.lanes.clone());
    }

    /// The server's ends of both lanes, from the latest status.
    pub async fn ends(&self) -> Result<Vec<LaneEnd>, WgError> {
        let known = self.ends.lock().clone();
        match known {
            Some(ends) => Ok(ends),
            None => Ok(self.status().await?.lanes),
        }
    }

    /// All peers with their counters, and the number of this reading; see [`Entry::set_readings_from`].
    pub async fn read(&self) -> Result<(u64, Vec<PeerStatus>), WgError> {
        let number = self.next_reading();
        Ok((number, self.wg.peers(NoInput {}).await?))
    }

    fn next_reading(&self) -> u64 {
        self.readings.fetch_add(1, Ordering::SeqCst)
    }

    fn touch(&self, entry: &Entry) -> InFlight<'_> {
        let touch = (entry.device_id, entry.public_key);
        let mut touched = self.touched.lock();
        touched.in_flight.push(touch);
        if let Some(since_sync) = touched.since_sync.as_mut() {
            since_sync.push(touch);
        }
        drop(touched);
        InFlight(self, touch)
    }
}
