//! Watches the lanes: detects a restart of `wg`, sends the peers, and reads the counters.
//!
//! One task does both in sequence, so that counters read after a sync belong to the peers that it sent.

use crate::entry::Entry;
use crate::machine::Timers;
use crate::service::Service;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tornado_contracts::wg::{KnownStatus, PeerStatus, WgError, WgStatus};
use tornado_shared::model::{Lane, PublicKey, Transfer, UnixSeconds};
use tornado_store::sessions::LaneCount;
use uuid::Uuid;

/// First pause after a failure; doubles up to `wg_poll_ms`.
const FIRST_RETRY: Duration = Duration::from_millis(25);
/// A reading may use one part in this many of the time, so many peers are read less often.
const READING_SHARE: u32 = 20;

/// Runs until `shutdown`.
pub(crate) async fn run(service: Arc<Service>, shutdown: CancellationToken) {
    let longest = Duration::from_millis(service.config.wg_poll_ms.into());
    let mut watch = Watch::new(service.clone());
    let mut retry = FIRST_RETRY;
    loop {
        let followed = tokio::select! {
            followed = watch.follow() => followed,
            () = shutdown.cancelled() => return,
        };
        let wait = match followed {
            Followed::Asked => Duration::ZERO,
            Followed::Lost(error) => {
                // A restart of `wg` ends a held response, too. Only a failed new request is an outage.
                if let Some(error) = error {
                    watch.note_failure(&error);
                }
                retry = if watch.has_read { FIRST_RETRY } else { (retry * 2).min(longest) };
                retry
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Reason for which [`Watch::follow`] returned.
enum Followed {
    /// Another part of this service requested a look.
    Asked,
    /// `wg` did not respond, or ended a held response.
    Lost(Option<WgError>),
}

/// State of the watcher.
pub(crate) struct Watch {
    service: Arc<Service>,
    /// Boot id of the `wg` process that has our peers.
    synced: Option<Uuid>,
    next_reading: Instant,
    failing: bool,
    /// True if the counters were read since `follow` started.
    has_read: bool,
}

impl Watch {
    pub fn new(service: Arc<Service>) -> Self {
        Self { service, synced: None, next_reading: Instant::now(), failing: false, has_read: false }
    }

    /// Looks at the status, then at each change that `wg` reports. Reads the counters when they are due.
    async fn follow(&mut self) -> Followed {
        self.has_read = false;
        let mut status = match self.look().await {
            Ok(status) => status,
            Err(error) => return Followed::Lost(Some(error)),
        };
        let service = self.service.clone();
        loop {
            let mut next = std::pin::pin!(service.lanes.next_status(KnownStatus::of(&status)));
            let heard = loop {
                tokio::select! {
                    heard = next.as_mut() => break heard,
                    () = service.look_at_lanes.notified() => return Followed::Asked,
                    () = tokio::time::sleep_until(self.next_reading) => {}
                }
                if let Err(error) = self.read().await {
                    return Followed::Lost(Some(error));
                }
            };
            let Ok(heard) = heard else { return Followed::Lost(None) };
            if let Err(error) = self.take_in(&heard).await {
                return Followed::Lost(Some(error));
            }
            // Limits the rate if `wg` does not hold its responses.
            if heard.revision == status.revision {
                tokio::time::sleep(FIRST_RETRY).await;
            }
            status = heard;
        }
    }

    /// Checks the status once: syncs if `wg` does not have our peers, and reads the counters if they are due.
    pub async fn look(&mut self) -> Result<WgStatus, WgError> {
        let status = self.service.lanes.status().await?;
        self.take_in(&status).await?;
        Ok(status)
    }

    async fn take_in(&mut self, status: &WgStatus) -> Result<(), WgError> {
        let anew = !status.synced || self.synced != Some(status.boot_id);
        if anew {
            self.service.treatments.forget_told().await;
            // Known groups go before the peers. No tunnel waits for `auth`.
            self.service.tell_groups().await?;
            self.service.sync_lanes().await?;
            self.synced = Some(status.boot_id);
            // Read immediately: counters that were reset are then still near zero, so no bytes are lost or counted
            // twice.
            self.next_reading = Instant::now();
        }
        if self.failing {
            tracing::info!("service wg responds again");
            self.failing = false;
        }
        if Instant::now() >= self.next_reading {
            self.read().await?;
        }
        if anew {
            self.service.heed_treatments().await;
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), WgError> {
        let started = Instant::now();
        self.service.read_counters().await?;
        let least = Duration::from_secs(self.service.config.stats_interval.into());
        self.next_reading = started + least.max(started.elapsed() * READING_SHARE);
        self.has_read = true;
        Ok(())
    }

    fn note_failure(&mut self, error: &WgError) {
        if !self.failing {
            tracing::warn!(%error, "service wg does not respond; retrying until it does");
            self.failing = true;
        }
    }
}

impl Service {
    /// Replaces the peers with those of all sessions that should have some.
    pub async fn sync_lanes(&self) -> Result<(), WgError> {
        self.lanes.begin_sync();
        let entries: Vec<_> = self.online();
        let (report, touched) = self.lanes.sync(&entries).await?;
        tracing::info!(put = report.put, removed = report.removed, kept = report.kept, "lanes synced");
        for (device, key) in touched {
            let _guard = self.locks.lock(device).await;
            if let Err(error) = self.settle(key).await {
                tracing::warn!(%error, "cannot settle a peer; the next comparison of the lanes retries");
            }
        }
        Ok(())
    }

    /// Makes one peer match its session. The caller holds the device's lock.
    pub async fn settle(&self, key: PublicKey) -> Result<(), WgError> {
        match self.registry.of_key(&key) {
            Some(entry) if entry.has_peers() => self.lanes.put(&entry).await,
            // A connect in progress holds the device's lock, so the entry found here was abandoned.
            Some(entry) => self.lanes.remove(&entry).await,
            None => self.lanes.remove_stray(key).await,
        }
    }

    /// Sessions that should have peers.
    pub fn online(&self) -> Vec<Arc<Entry>> {
        let mut entries = self.registry.all();
        entries.retain(|entry| entry.has_peers());
        entries
    }

    /// Adds the bytes since the last reading, and records handshakes.
    pub async fn read_counters(&self) -> Result<(), WgError> {
        let (number, peers) = self.lanes.read().await?;
        let now = self.now();
        for (key, reading) in by_key(&peers) {
            if let Some(entry) = self.registry.of_key(&key) {
                reading.apply(&entry, number, now, &self.timers_of(&entry));
            }
        }
        Ok(())
    }
}

/// Readings of one peer on both lanes.
#[derive(Default, Clone, Copy)]
pub(crate) struct Reading {
    pub direct: Option<Transfer>,
    pub tor: Option<Transfer>,
    direct_endpoint: Option<SocketAddr>,
    tor_endpoint: Option<SocketAddr>,
    handshake: Option<UnixSeconds>,
}

pub(crate) fn by_key(peers: &[PeerStatus]) -> HashMap<PublicKey, Reading> {
    let mut readings: HashMap<PublicKey, Reading> = HashMap::with_capacity(peers.len() / 2);
    for peer in peers {
        let reading = readings.entry(peer.public_key).or_default();
        match peer.lane {
            Lane::Direct => (reading.direct, reading.direct_endpoint) = (Some(peer.transfer), peer.endpoint),
            Lane::Tor => (reading.tor, reading.tor_endpoint) = (Some(peer.transfer), peer.endpoint),
        }
        reading.handshake = reading.handshake.max(peer.latest_handshake);
    }
    readings
}

impl Reading {
    fn apply(self, entry: &Entry, number: u64, now: UnixSeconds, timers: &Timers) {
        let mut cell = entry.cell();
        if number < cell.readings_from {
            return;
        }
        let before = (cell.direct, cell.tor, cell.machine);
        if let Some(transfer) = self.direct {
            cell.direct = cell.direct.read(transfer);
        }
        if let Some(transfer) = self.tor {
            cell.tor = cell.tor.read(transfer);
        }
        let heard = |now: LaneCount, then: LaneCount| now.total.rx_bytes.saturating_sub(then.total.rx_bytes);
        let heard = (heard(cell.direct, before.0), heard(cell.tor, before.1));
        if heard != (0, 0) {
            let (lane, endpoint) = match heard.0 >= heard.1 {
                true => (Lane::Direct, self.direct_endpoint),
                false => (Lane::Tor, self.tor_endpoint),
            };
            (cell.lane, cell.endpoint) = (Some(lane), endpoint);
        }
        if let Some(at) = self.handshake {
            cell.machine = cell.machine.handshake(at, now);
            if entry.plain {
                cell.machine = cell.machine.back_by_handshake(at, now, timers);
            }
        }
        cell.dirty |= before != (cell.direct, cell.tor, cell.machine);
    }
}
