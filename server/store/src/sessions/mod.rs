//! Durable state of service `session`: address leases, live sessions and history. The room [`tables`] has one file per
//! table.
//!
//! One slot number determines a device's addresses on both lanes, so one row is the lease of both. A lease, its live
//! session and its history row are created in one transaction and ended in one transaction.

mod model;
mod store;
mod tables;

#[cfg(test)]
mod amounts_tests;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod postgres_tests;
#[cfg(test)]
mod tests;

pub use model::{
    AfterClose, Checkpoint, CloseSession, DayUsage, HistoryRecord, LaneCount, LiveBytes, Mark, MonthQuota, Moved,
    OpenSession, Opened, PoolCount, PresharedPair, SessionRow, Span, Usage,
};
pub use store::SqlSessions;
