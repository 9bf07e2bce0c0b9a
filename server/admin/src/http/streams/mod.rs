//! Responses that are streams: events, logs, the audit trail, metrics, backups.

mod audit;
mod backup;
mod events;
mod logs;
mod metrics;
mod source;

pub use audit::export_audit;
pub use backup::back_up;
pub use events::events;
pub use logs::{export as export_logs, tail as tail_logs};
pub use metrics::live_metrics;
