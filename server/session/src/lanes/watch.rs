//! Watches the lanes: detects a restart of `wg`, sends the peers, and reads the counters.
//!
//! One task does both in sequence, so that counters read after a sync belong to the peers that it sent.

use super::client::LaneClient;
use super::policy::Policies;
use super::reconcile::Reconciler;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tornado_contracts::wg::{KnownStatus, WgError, WgStatus};
use tornado_runtime::backoff::Backoff;
use uuid::Uuid;

/// First pause after a failure; doubles up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(25);
/// A reading may use one part in this many of the time, so many peers are read less often.
const READING_SHARE: u32 = 20;

/// Reason for which [`Watch::follow`] returned.
enum Followed {
    /// Another part of this service requested a check.
    Requested,
    /// `wg` did not respond, or ended a held response.
    Lost(Option<WgError>),
}

/// State of the watcher.
pub(crate) struct Watch {
    lanes: Arc<LaneClient>,
    policies: Arc<Policies>,
    reconciler: Arc<Reconciler>,
    /// Shortest time between two readings.
    stats_interval: Duration,
    /// Boot id of the `wg` process that has our peers.
    synced: Option<Uuid>,
    next_reading: Instant,
    failing: bool,
    /// True if the counters were read since `follow` started.
    has_read: bool,
}

impl Watch {
    pub fn new(
        lanes: Arc<LaneClient>,
        policies: Arc<Policies>,
        reconciler: Arc<Reconciler>,
        stats_interval: Duration,
    ) -> Self {
        let next_reading = Instant::now();
        Self {
            lanes,
            policies,
            reconciler,
            stats_interval,
            synced: None,
            next_reading,
            failing: false,
            has_read: false,
        }
    }

    /// Runs until `shutdown`. Pauses at most `longest` between attempts.
    pub async fn run(mut self, longest: Duration, shutdown: CancellationToken) {
        let pauses = Backoff::new(FIRST_RETRY, longest);
        let mut failures: u32 = 0;
        loop {
            let followed = tokio::select! {
                followed = self.follow() => followed,
                () = shutdown.cancelled() => return,
            };
            let wait = match followed {
                Followed::Requested => Duration::ZERO,
                Followed::Lost(error) => {
                    // A restart of `wg` ends a held response, too. Only a failed new request is an outage.
                    if let Some(error) = error {
                        self.record_failure(&error);
                    }
                    failures = if self.has_read { 0 } else { failures.saturating_add(1) };
                    pauses.pause(failures, 0.0)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// Checks the status, then at each change that `wg` reports. Reads the counters when they are due.
    async fn follow(&mut self) -> Followed {
        self.has_read = false;
        let mut status = match self.check().await {
            Ok(status) => status,
            Err(error) => return Followed::Lost(Some(error)),
        };
        let lanes = self.lanes.clone();
        loop {
            let mut next = std::pin::pin!(lanes.next_status(KnownStatus::of(&status)));
            let received = loop {
                tokio::select! {
                    received = next.as_mut() => break received,
                    () = lanes.check_requested() => return Followed::Requested,
                    () = tokio::time::sleep_until(self.next_reading) => {}
                }
                if let Err(error) = self.read().await {
                    return Followed::Lost(Some(error));
                }
            };
            let Ok(received) = received else { return Followed::Lost(None) };
            if let Err(error) = self.apply(&received).await {
                return Followed::Lost(Some(error));
            }
            // Limits the rate if `wg` does not hold its responses.
            if received.revision == status.revision {
                tokio::time::sleep(FIRST_RETRY).await;
            }
            status = received;
        }
    }

    /// Checks the status once: syncs if `wg` does not have our peers, and reads the counters if they are due.
    pub async fn check(&mut self) -> Result<WgStatus, WgError> {
        let status = self.lanes.status().await?;
        self.apply(&status).await?;
        Ok(status)
    }

    async fn apply(&mut self, status: &WgStatus) -> Result<(), WgError> {
        let is_new = !status.synced || self.synced != Some(status.boot_id);
        if is_new {
            self.policies.forget_sent().await;
            // Known groups go before the peers. No tunnel waits for `auth`.
            self.policies.send().await?;
            self.reconciler.sync().await?;
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
        if is_new {
            self.policies.refresh().await;
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), WgError> {
        let started = Instant::now();
        self.reconciler.read_counters().await?;
        self.next_reading = started + self.stats_interval.max(started.elapsed() * READING_SHARE);
        self.has_read = true;
        Ok(())
    }

    fn record_failure(&mut self, error: &WgError) {
        if !self.failing {
            tracing::warn!(%error, "service wg does not respond; retrying until it does");
            self.failing = true;
        }
    }
}
