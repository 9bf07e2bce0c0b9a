//! Metrics: each method checks the right and calls the history.

use super::access::{Access, Right};
use crate::metrics::{Current, History, HistoryError, exposition};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tornado_contracts::auth::Acting;
use tornado_contracts::exposition::OpenMetrics;
use tornado_contracts::telemetry::TelemetryError;
use tornado_contracts::telemetry::metrics::{LiveMetrics, MetricRange, Metrics, Resolution, Samples, Series};
use tornado_log::line::Micros;
use tornado_rpc::{Fault, NoInput};

/// Metrics of one request.
const MAX_NAMES: usize = 20;
/// How long a live request waits.
const WAIT: Duration = Duration::from_secs(5);

/// Serves contract `Metrics`.
pub struct MetricService {
    history: Arc<History>,
    current: Arc<Current>,
    access: Arc<dyn Access>,
    clock: fn() -> SystemTime,
}

impl MetricService {
    /// The service of a history and current values.
    #[must_use]
    pub const fn new(
        history: Arc<History>,
        current: Arc<Current>,
        access: Arc<dyn Access>,
        clock: fn() -> SystemTime,
    ) -> Self {
        Self { history, current, access, clock }
    }

    async fn may_read<T>(&self, acting: &Acting<T>) -> Result<(), TelemetryError> {
        self.access.check(acting.operator.as_ref(), Right::Read).await
    }
}

fn unreadable(error: &HistoryError) -> TelemetryError {
    tracing::warn!(%error, "cannot read metrics");
    TelemetryError::Fault(Fault::StoreUnavailable("the metrics cannot be read; see the log".into()))
}

/// The finest resolution that is kept since `from`.
fn finest(from: Micros, now: Micros) -> Resolution {
    let age = (now.0 - from.0) / 1_000_000;
    Resolution::ALL.into_iter().find(|resolution| age <= resolution.kept()).unwrap_or(Resolution::Hour)
}

#[async_trait]
impl Metrics for MetricService {
    async fn range(&self, input: Acting<MetricRange>) -> Result<Vec<Series>, TelemetryError> {
        self.may_read(&input).await?;
        let MetricRange { names, from, until, resolution } = input.what;
        if !(1..=MAX_NAMES).contains(&names.len()) || from < 0 || from >= until {
            let reason = format!("a range requires 1 to {MAX_NAMES} names and 'from' before 'until'");
            return Err(TelemetryError::InvalidFields(reason));
        }
        let resolution = resolution.unwrap_or_else(|| finest(Micros(from), (self.clock)().into()));
        self.history.range(&names, from, until, resolution).await.map_err(|error| unreadable(&error))
    }

    async fn names(&self, input: Acting<NoInput>) -> Result<Vec<String>, TelemetryError> {
        self.may_read(&input).await?;
        self.history.names().await.map_err(|error| unreadable(&error))
    }

    async fn live(&self, input: Acting<LiveMetrics>) -> Result<Samples, TelemetryError> {
        self.may_read(&input).await?;
        let after = input.what.after;
        let next = tokio::time::timeout(WAIT, self.current.next(after)).await;
        Ok(Arc::unwrap_or_clone(next.unwrap_or_else(|_| self.current.newest())))
    }

    async fn scrape(&self, _: NoInput) -> Result<OpenMetrics, TelemetryError> {
        Ok(OpenMetrics { text: exposition::render(&self.current.families()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_gets_the_finest_resolution_that_is_kept() {
        let since = |seconds: i64| finest(Micros(0), Micros(seconds * 1_000_000));
        assert_eq!(since(3600), Resolution::Second);
        assert_eq!(since(3601), Resolution::Minute);
        assert_eq!(since(7 * 86_400), Resolution::Minute);
        assert_eq!(since(30 * 86_400), Resolution::Hour);
        assert_eq!(since(10 * 365 * 86_400), Resolution::Hour);
    }
}
