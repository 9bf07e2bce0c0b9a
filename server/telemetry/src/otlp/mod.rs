//! Export of logs, metrics and traces to an OpenTelemetry collector: OTLP over HTTP, JSON encoding
//! (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>).
//!
//! Services are not involved: logs and traces come from their log lines, metrics from the readings of this service.
//! While the collector does not accept, lines wait in the ring of the live tail; lines that leave it unsent are
//! counted.

mod client;
mod config;
mod logs;
mod metrics;
mod traces;

pub use config::Otlp;

use crate::live::Live;
use crate::metrics::Current;
use crate::query::Expr;
use client::{Client, Sent};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tornado_runtime::backoff::Backoff;
use tornado_runtime::metrics::{Counter, Family, Metrics};

/// Lines of one request.
const BATCH: usize = 512;
/// Pause between two requests with lines, so that lines are sent together.
const PAUSE: Duration = Duration::from_secs(1);
/// Interval of metrics.
const EVERY: Duration = Duration::from_secs(15);
/// Pauses after failures.
const RETRY: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// What was exported, by signal and outcome.
#[derive(Debug, Clone, Default)]
pub struct Exported(Family<[(&'static str, &'static str); 2], Counter>);

impl Exported {
    /// Publishes the counters.
    pub fn publish(&self, metrics: &Metrics) {
        let help = "Log lines, metrics and spans that were sent to the collector, or lost, by signal and outcome";
        metrics.register("tornado_otlp_items", help, None, self.0.clone());
    }

    fn count(&self, signal: &'static str, outcome: &'static str, items: usize) {
        let items = u64::try_from(items).unwrap_or(u64::MAX);
        self.0.get_or_create(&[("signal", signal), ("outcome", outcome)]).inc_by(items);
    }
}

/// Exports until `stop` is cancelled.
pub struct Exporter {
    client: Client,
    config: Otlp,
    live: Arc<Live>,
    current: Arc<Current>,
    exported: Exported,
}

impl Exporter {
    /// `None` without a configured collector.
    ///
    /// # Errors
    /// When a file of the configuration cannot be used, with the reason.
    pub fn new(
        config: &Otlp,
        live: Arc<Live>,
        current: Arc<Current>,
        exported: Exported,
    ) -> Result<Option<Self>, String> {
        let Some(endpoint) = &config.endpoint else { return Ok(None) };
        let client = Client::new(endpoint, config.headers.as_deref(), config.ca.as_deref())?;
        Ok(Some(Self { client, config: config.clone(), live, current, exported }))
    }

    /// Runs both exports.
    pub async fn run(self, stop: CancellationToken) {
        let both = async { tokio::join!(self.lines(), self.metrics()) };
        stop.run_until_cancelled(both).await;
    }

    /// Sends log lines and the spans among them.
    async fn lines(&self) {
        if !self.config.logs && !self.config.traces {
            return;
        }
        let mut position = 0;
        loop {
            let arrived = self.live.wait(&Expr::ALL, position, BATCH).await;
            position = arrived.next;
            let missed = usize::try_from(arrived.missed).unwrap_or(usize::MAX);
            if missed > 0 {
                self.exported.count("logs", "lost", missed);
            }
            if self.config.logs {
                self.send("logs", arrived.lines.len(), &logs::encode(&arrived.lines)).await;
            }
            let spans = traces::spans(&arrived.lines);
            if self.config.traces && !spans.is_empty() {
                self.send("traces", spans.len(), &traces::encode(&spans)).await;
            }
            // A full batch means that more lines wait.
            if arrived.lines.len() < BATCH {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Sends all metrics at intervals. A reading that is not accepted is replaced by the next one.
    async fn metrics(&self) {
        if !self.config.metrics {
            return;
        }
        let mut ticks = tornado_runtime::every_after(EVERY);
        loop {
            ticks.tick().await;
            let (families, at) = (self.current.families(), self.current.newest().at);
            let sent = self.client.send("metrics", &metrics::encode(&families, at)).await;
            self.exported.count("metrics", sent.outcome(), families.len());
        }
    }

    /// Sends until the collector accepts or rejects.
    async fn send(&self, signal: &'static str, items: usize, body: &serde_json::Value) {
        if items == 0 {
            return;
        }
        let mut failures: u32 = 0;
        loop {
            match self.client.send(signal, body).await {
                Sent::Failed => {
                    tokio::time::sleep(RETRY.pause(failures, 0.0)).await;
                    failures = failures.saturating_add(1);
                }
                sent @ (Sent::Accepted | Sent::Rejected) => return self.exported.count(signal, sent.outcome(), items),
            }
        }
    }
}

/// An attribute of a resource, a record or a span.
fn attribute(key: &str, value: serde_json::Value) -> serde_json::Value {
    serde_json::json!({ "key": key, "value": value })
}

/// Text as a value of an attribute.
fn text(value: &str) -> serde_json::Value {
    serde_json::json!({ "stringValue": value })
}

/// The resource of a service.
fn resource(service: &str) -> serde_json::Value {
    let attributes = [
        attribute("service.namespace", text("tornado")),
        attribute("service.name", text(service)),
        attribute("service.version", text(env!("CARGO_PKG_VERSION"))),
    ];
    serde_json::json!({ "attributes": attributes })
}

/// Microseconds as OTLP's nanoseconds. 64-bit numbers are strings in JSON.
fn nanos(micros: i64) -> String {
    format!("{}000", micros.max(0))
}
