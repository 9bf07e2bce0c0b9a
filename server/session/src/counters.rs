//! Counters since the start of the service.

use parking_lot::Mutex;
use std::sync::atomic::AtomicU64;
use tornado_contracts::session::Repairs;
use tornado_shared::model::UnixSeconds;

#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Start of counting.
    pub since: UnixSeconds,
    pub repairs: Mutex<Repairs>,
    /// Rows that were deleted because of their age.
    pub forgotten: AtomicU64,
}
