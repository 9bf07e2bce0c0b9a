//! The log archive: one SQLite file with a full-text index for each day (UTC), `logs-<day>.db`.
//!
//! Retention deletes files. A damaged file is renamed to `….damaged` and counted; the log files that still exist are
//! then read again from the positions of the newest remaining day. A line that is read twice is stored once, because
//! its position follows from its time and sequence number. `held-<day>.json` states how many lines of each process a
//! day file holds, so that its loss has a size; `gaps.json` has the latest gaps.

mod archive;
mod compile;
mod cursors;
mod day;
mod error;
mod id;
mod ledger;
mod read;
mod retention;
mod search;
#[cfg(test)]
mod tests;

pub use archive::{Archive, Selected};
#[cfg(feature = "fuzzing")]
pub use compile::condition_of;
pub use cursors::{Cursor, FileId, Stored};
pub use error::ArchiveError;
pub use id::LineId;
pub use ledger::KnownGap;
pub use read::TopColumn;
pub use retention::Retention;
pub use search::Page;
