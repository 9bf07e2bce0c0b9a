//! What the supervisor publishes.

use tokio::sync::watch;
use tornado_contracts::master::{Actual, MasterStatus, Wanted};
use tornado_runtime::metrics::Metrics;

/// Reads the table of services when the metrics are read. Their label `service` names the service, not the supervisor.
pub(crate) fn publish(metrics: &Metrics, status: watch::Receiver<MasterStatus>) {
    metrics.read(move |reading| {
        let services = status.borrow().services.clone();
        let help = "1 while the service is ready, otherwise 0";
        let mut ready = reading.gauge("tornado_service_ready", help, None);
        services.iter().for_each(|of| ready.add(&[("service", of.name.as_str())], of.actual == Actual::Ready));
        let help = "1 if the service should run, 0 if an operator stopped it";
        let mut desired = reading.gauge("tornado_service_desired", help, None);
        services.iter().for_each(|of| desired.add(&[("service", of.name.as_str())], of.wanted == Wanted::Running));
        let help = "Restarts of the service since the supervisor was started";
        let mut restarts = reading.counter("tornado_service_restarts", help, None);
        services.iter().for_each(|of| restarts.add(&[("service", of.name.as_str())], of.restarts));
    });
}
