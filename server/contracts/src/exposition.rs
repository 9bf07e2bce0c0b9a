//! Contract of every process: its metrics. Served beside the service's own contract.
//!
//! `telemetry` reads them each second. A service only keeps its metrics in memory and answers; it sends nothing, waits
//! for nothing and does not know whether anything reads them. A failure of `telemetry` therefore cannot affect it.

use crate::ServiceName;
use serde::{Deserialize, Serialize};
use tornado_rpc::{Fault, NoInput};

/// Metrics in the OpenMetrics text format 1.0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenMetrics {
    /// The text, which ends with `# EOF`.
    pub text: String,
}

/// Media type of the text.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

tornado_rpc::contract! {
    /// The metrics of one process.
    trait Exposition, client ExpositionClient, error Fault, callers ServiceName {
        /// Current counters, gauges and histograms.
        exposition(NoInput) -> OpenMetrics = GET "/v1/exposition", within 2, up to 0, for [Telemetry];
    }
}
