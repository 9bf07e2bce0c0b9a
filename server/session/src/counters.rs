//! Counters since the start of the service.

use std::sync::atomic::{AtomicU64, Ordering};
use tornado_contracts::session::Repairs;
use tornado_runtime::metrics::{Counter, Family, Outcomes};
use tornado_shared::model::UnixSeconds;

/// A repair of an inconsistency; one counter in [`Repairs`] each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repair {
    Ended,
    StrayRemoved,
    PeerRestored,
    PeerRemoved,
    StateWritten,
    LiveRestored,
}

/// Number of kinds of [`Repair`].
const KINDS: usize = 6;

/// Repairs and deleted rows.
#[derive(Debug)]
pub(crate) struct Counters {
    since: UnixSeconds,
    repairs: [AtomicU64; KINDS],
    forgotten: AtomicU64,
    pub connects: Outcomes,
    pub heartbeats: Outcomes,
    /// Ended sessions by reason.
    pub ends: Family<[(&'static str, &'static str); 1], Counter>,
    pub handshakes: Counter,
}

impl Counters {
    pub fn new(since: UnixSeconds) -> Self {
        Self {
            since,
            repairs: Default::default(),
            forgotten: AtomicU64::default(),
            connects: Outcomes::default(),
            heartbeats: Outcomes::default(),
            ends: Family::default(),
            handshakes: Counter::default(),
        }
    }

    /// Start of counting.
    pub const fn since(&self) -> UnixSeconds {
        self.since
    }

    pub fn count(&self, repair: Repair) {
        self.repairs[repair as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts rows that were deleted because of their age.
    pub fn count_forgotten(&self, rows: u64) {
        self.forgotten.fetch_add(rows, Ordering::Relaxed);
    }

    pub fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }

    pub fn repairs(&self) -> Repairs {
        let read = |repair: Repair| self.repairs[repair as usize].load(Ordering::Relaxed);
        Repairs {
            ended: read(Repair::Ended),
            strays: read(Repair::StrayRemoved),
            peers_restored: read(Repair::PeerRestored),
            peers_removed: read(Repair::PeerRemoved),
            written: read(Repair::StateWritten),
            live_restored: read(Repair::LiveRestored),
        }
    }
}
