//! Counters since the start of the service.

use parking_lot::Mutex;
use std::sync::atomic::AtomicU64;
use tornado_contracts::session::Repairs;
use tornado_runtime::metrics::{Counter, Family, Outcomes};
use tornado_shared::model::UnixSeconds;

#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Start of counting.
    pub since: UnixSeconds,
    pub repairs: Mutex<Repairs>,
    /// Rows that were deleted because of their age.
    pub forgotten: AtomicU64,
    pub connects: Outcomes,
    pub heartbeats: Outcomes,
    /// Ended sessions by reason.
    pub ends: Family<[(&'static str, &'static str); 1], Counter>,
    pub handshakes: Counter,
}
