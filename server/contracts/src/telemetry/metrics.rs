//! Metrics: samples each second, kept as averages with extremes.
//!
//! A value in the history has the name of its metric and its labels, as in
//! `tornado_sessions{service=session,lane=tor}`. Counters are kept as rates, `NAME_per_second`, histograms as
//! `NAME_count_per_second`, `NAME_mean` and `NAME_p99`. [`scrape`](Metrics::scrape) returns the metrics themselves.

use super::{Micros, TelemetryError};
use crate::ServiceName;
use crate::auth::Acting;
use crate::exposition::OpenMetrics;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tornado_rpc::NoInput;

/// Distance of stored points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// One second, kept for an hour.
    Second,
    /// One minute, kept for seven days.
    Minute,
    /// One hour, kept for two years.
    Hour,
}

impl Resolution {
    /// All, the finest first.
    pub const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Hour];

    /// Distance of points in seconds.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        }
    }

    /// Time for which points are kept, in seconds.
    #[must_use]
    pub const fn kept(self) -> i64 {
        match self {
            Self::Second => 3600,
            Self::Minute => 7 * 86_400,
            Self::Hour => 2 * 365 * 86_400,
        }
    }
}

/// Input of [`Metrics::range`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricRange {
    /// Names of metrics, 1 to 20.
    pub names: Vec<String>,
    /// Begin.
    pub from: Micros,
    /// End, not included.
    pub until: Micros,
    /// Distance of points. Absent: the finest that is kept for the whole range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
}

/// The history of one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The metric.
    pub name: String,
    /// Distance of points.
    pub resolution: Resolution,
    /// Points in order of time. Intervals without a sample are absent.
    pub points: Vec<Point>,
}

/// All samples of one interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Begin of the interval.
    pub at: Micros,
    /// Smallest sample.
    pub min: f64,
    /// Average.
    pub avg: f64,
    /// Largest sample.
    pub max: f64,
}

/// Input of [`Metrics::live`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveMetrics {
    /// Time of the samples before; absent: the newest samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Micros>,
}

/// All metrics of one second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// Time of the samples.
    pub at: Micros,
    /// Value by name.
    pub values: BTreeMap<String, f64>,
}

tornado_rpc::contract! {
    /// The metrics.
    trait Metrics, client MetricsClient, error TelemetryError, callers ServiceName {
        /// History of metrics.
        range(Acting<MetricRange>) -> Vec<Series> = POST "/v1/metrics/range", within 15, up to 16_384, for [Admin];
        /// Names of all metrics with a value in the last hour.
        names(Acting<NoInput>) -> Vec<String> = POST "/v1/metrics/names", within 10, up to 4_096, for [Admin];
        /// Waits for the next samples, at most 5 seconds.
        live(Acting<LiveMetrics>) -> Samples = POST "/v1/metrics/live", within 10, up to 4_096, for [Admin];
        /// The metrics of all services and of this host, as they were read last.
        scrape(NoInput) -> OpenMetrics = GET "/v1/metrics", within 5, up to 0, for [Admin];
    }
}
