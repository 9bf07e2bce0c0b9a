//! Service `telemetry`: log lines of all services in an archive that can be searched, and metrics with a history.
//!
//! ```text
//! log files → tail → ingest → store (day files) ← query ← api ← callers
//!                      └→ live ───────────────────────┘
//! /proc, services → metrics (current values, history) ← api
//! live, metrics → otlp → collector
//! ```
//!
//! Services write to their files and never wait for this one. What it stores can be deleted at any time: the log files
//! that still exist are then read again.

#![forbid(unsafe_code)]

mod api;
mod counters;
mod export;
#[cfg(test)]
mod fake;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod ingest;
#[cfg(test)]
mod kept;
mod live;
mod metrics;
mod otlp;
mod query;
mod saved;
mod service;
mod store;
mod tail;

pub use api::{Access, LogService, MetricService, OperatorAccess, Right};
pub use counters::Counters;
pub use ingest::{Ingest, Step};
pub use live::{Arrived, Live};
pub use metrics::{Collector, Current, History, HistoryError, HostSampler, Sources, exposition, sample};
pub use otlp::{Exported, Exporter, Otlp};
pub use query::{Comparison, Expr, FieldTest, Pattern, Phrase, QueryError, parse};
pub use saved::Saved;
pub use service::{Config, Error, Wiring, run};
pub use store::{Archive, ArchiveError, KnownGap, LineId, Page, Retention, Selected, Stored, TopColumn};
