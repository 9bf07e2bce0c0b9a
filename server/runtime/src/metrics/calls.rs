//! Calls by method, and operations by outcome.

use super::{Counter, Family, Histogram, Metrics, Unit};
use std::time::Duration;
use tornado_rpc::{Observer, ServiceError};

/// Upper limits of latency buckets in seconds.
pub const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

type Method = [(&'static str, &'static str); 1];

/// Latency and failures of the calls that a process answers, by method.
#[derive(Debug, Clone)]
pub struct CallMetrics {
    duration: Family<Method, Histogram, fn() -> Histogram>,
    failures: Family<[(&'static str, &'static str); 2], Counter>,
}

impl Default for CallMetrics {
    fn default() -> Self {
        Self { duration: Family::new_with_constructor(|| Histogram::new(BUCKETS)), failures: Family::default() }
    }
}

impl CallMetrics {
    pub(super) fn register(&self, metrics: &Metrics) {
        let help = "Time until a call was answered, by method; methods that wait for a change include the wait";
        metrics.register("tornado_rpc_duration", help, Some(Unit::Seconds), self.duration.clone());
        let help = "Calls that were answered with an error, by method and class of status";
        metrics.register("tornado_rpc_failures", help, None, self.failures.clone());
    }
}

impl Observer for CallMetrics {
    fn answered(&self, method: &'static str, status: u16, took: Duration) {
        self.duration.get_or_create(&[("method", method)]).observe(took.as_secs_f64());
        let class = match status {
            400..=499 => "4xx",
            500..=599 => "5xx",
            _ => return,
        };
        self.failures.get_or_create(&[("method", method), ("status", class)]).inc();
    }
}

/// A counter for each outcome of an operation. An outcome is `ok` or the code of an error.
#[derive(Debug, Clone, Default)]
pub struct Outcomes(Family<[(&'static str, String); 1], Counter>);

impl Outcomes {
    /// The metric, for [`Metrics::register`].
    #[must_use]
    pub fn family(&self) -> Family<[(&'static str, String); 1], Counter> {
        self.0.clone()
    }

    /// Counts an outcome, a word of a fixed set.
    pub fn count(&self, outcome: &str) {
        self.0.get_or_create(&[("outcome", outcome.to_owned())]).inc();
    }

    /// Counts `ok` or the code of the error.
    pub fn count_result<T, E: ServiceError>(&self, result: &Result<T, E>) {
        match result {
            Ok(_) => self.count("ok"),
            Err(error) => self.count(error.code()),
        }
    }
}
