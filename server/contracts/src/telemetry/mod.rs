//! Contract of service `telemetry`: logs that can be searched, and metrics with a history.
//!
//! Times are microseconds since 1970 (UTC). The query language is described in
//! `server/telemetry/src/query/mod.rs`.

mod error;
pub mod logs;
pub mod metrics;

pub use error::TelemetryError;

/// Microseconds since 1970-01-01T00:00:00Z.
pub type Micros = i64;
