//! Metrics that a service publishes: counters, gauges and histograms in memory, read by `telemetry` over the service's
//! socket ([`tornado_contracts::exposition`]).
//!
//! A metric that is counted is registered once and increased where the event happens. A value that the service has
//! anyway, such as the number of its sessions, is read when the metrics are read ([`Metrics::read`]).
//!
//! Names begin with `tornado_`; label values are words of a fixed set. Users, devices and addresses are never labels:
//! they are personal data, and each value is a separate series.

mod calls;
mod process;
mod reading;
mod routes;

pub use calls::{BUCKETS, CallMetrics, Outcomes};
pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::family::Family;
pub use prometheus_client::metrics::gauge::Gauge;
pub use prometheus_client::metrics::histogram::Histogram;
pub use prometheus_client::registry::{Metric, Unit};
pub use reading::{Number, Reading, Values};
pub use routes::{RouteMetrics, measure};

use async_trait::async_trait;
use parking_lot::Mutex;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use reading::Source;
use std::sync::Arc;
use tornado_contracts::exposition::{self, Exposition, OpenMetrics};
use tornado_rpc::{Fault, NoInput};

/// The metrics of one process. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    calls: Arc<CallMetrics>,
}

impl Default for Metrics {
    /// Metrics of the process itself and of the calls that it answers.
    fn default() -> Self {
        let metrics = Self { registry: Arc::default(), calls: Arc::default() };
        metrics.calls.register(&metrics);
        metrics.read(process::read);
        metrics.read(process::read_log);
        metrics
    }
}

impl Metrics {
    /// Adds a metric. The name begins with `tornado_` and has neither the unit nor `_total`, which are appended.
    pub fn register(&self, name: &str, help: &str, unit: Option<Unit>, metric: impl Metric) {
        let mut registry = self.registry.lock();
        match unit {
            Some(unit) => registry.register_with_unit(name, help, unit, metric),
            None => registry.register(name, help, metric),
        }
    }

    /// Calls `read` each time the metrics are read. It must not block, and must not use these metrics.
    pub fn read(&self, read: impl Fn(&mut Reading<'_>) + Send + Sync + 'static) {
        self.registry.lock().register_collector(Box::new(Source::new(read)));
    }

    /// Adds a counter for each of the outcomes of an operation, with label `outcome`.
    #[must_use]
    pub fn outcomes(&self, name: &str, help: &str) -> Outcomes {
        let outcomes = Outcomes::default();
        self.register(name, help, None, outcomes.family());
        outcomes
    }

    /// The observer for the server of this process.
    #[must_use]
    pub fn calls(&self) -> Arc<CallMetrics> {
        self.calls.clone()
    }

    /// The route of the contract.
    pub fn router(&self) -> axum::Router {
        exposition::router(Arc::new(self.clone()))
    }

    /// All metrics in the OpenMetrics text format.
    ///
    /// # Errors
    /// When a metric cannot be encoded.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut encoded = String::new();
        text::encode(&mut encoded, &self.registry.lock())?;
        Ok(encoded)
    }
}

#[async_trait]
impl Exposition for Metrics {
    async fn exposition(&self, _: NoInput) -> Result<OpenMetrics, Fault> {
        let text = self.encode().map_err(|_| Fault::Internal("cannot encode the metrics".into()))?;
        Ok(OpenMetrics { text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tornado_rpc::Observer as _;

    #[test]
    fn a_service_publishes_what_it_counts_and_what_it_has() {
        let metrics = Metrics::default();
        let events: Counter = Counter::default();
        metrics.register("tornado_events", "Events that were sent", None, events.clone());
        metrics.read(|reading| {
            let mut sessions = reading.gauge("tornado_sessions", "Sessions by state", None);
            sessions.add(&[("state", "online")], 3);
            sessions.add(&[("state", "offline")], 1);
            reading.counter("tornado_sent", "Sent bytes", Some(&Unit::Bytes)).add(&[], 7.5);
        });
        events.inc_by(2);
        let connects = metrics.outcomes("tornado_connects", "Connects by outcome");
        connects.count("ok");
        connects.count_result(&Err::<(), _>(Fault::Forbidden("no".into())));
        metrics.calls().answered("Sessions.connect", 200, Duration::from_millis(3));
        metrics.calls().answered("Sessions.connect", 503, Duration::from_secs(60));
        let text = metrics.encode().unwrap();
        for expected in [
            "# TYPE tornado_events counter\ntornado_events_total 2\n",
            "# HELP tornado_sessions Sessions by state.\n# TYPE tornado_sessions gauge\n",
            "tornado_sessions{state=\"online\"} 3",
            "# UNIT tornado_sent_bytes bytes\ntornado_sent_bytes_total 7.5\n",
            "tornado_connects_total{outcome=\"ok\"} 1\n",
            "tornado_connects_total{outcome=\"forbidden\"} 1\n",
            "tornado_rpc_duration_seconds_bucket{le=\"0.005\",method=\"Sessions.connect\"} 1\n",
            "tornado_rpc_duration_seconds_count{method=\"Sessions.connect\"} 2\n",
            "tornado_rpc_failures_total{method=\"Sessions.connect\",status=\"5xx\"} 1\n",
            "# TYPE process_resident_memory_bytes gauge\n",
            "process_cpu_seconds_total ",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
