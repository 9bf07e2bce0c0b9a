//! What the service publishes.

use crate::service::Service;
use std::sync::Arc;
use tornado_contracts::tor::{LaneState, TorProcess};
use tornado_runtime::clock::unix_now;
use tornado_runtime::metrics::{Metrics, Reading, Unit};

/// Reads the state of Tor when the metrics are read.
pub(crate) fn publish(metrics: &Metrics, service: &Arc<Service>) {
    let service = Arc::downgrade(service);
    metrics.read(move |reading| {
        if let Some(service) = service.upgrade() {
            read(reading, &service);
        }
    });
}

fn read(reading: &mut Reading<'_>, service: &Service) {
    let status = service.tor.status();
    let is_running = matches!(status.process, TorProcess::Running { .. });
    reading.gauge("tornado_tor_running", "1 while the Tor process runs, otherwise 0", None).add(&[], is_running);
    let help = "Restarts of the Tor process";
    reading.counter("tornado_tor_restarts", help, None).add(&[], status.restarts);
    let help = "Progress of Tor's bootstrap, 0 to 1";
    reading.gauge("tornado_tor_bootstrap_ratio", help, None).add(&[], f64::from(status.bootstrap.percent) / 100.0);
    let help = "1 while Tor reports a working circuit, otherwise 0";
    reading.gauge("tornado_tor_circuit_established", help, None).add(&[], status.circuit_established);
    reading.gauge("tornado_tor_streams", "Open streams of Tor", None).add(&[], status.streams);
    let mut states = reading.gauge("tornado_tor_lane", "State of the tor lane: 1 for the current state", None);
    for (name, state) in
        [("closed", LaneState::Closed), ("maintenance", LaneState::Maintenance), ("open", LaneState::Open)]
    {
        states.add(&[("state", name)], status.lane.state == state);
    }
    if let Some(probe) = &status.probe {
        reading.gauge("tornado_tor_probe_ok", "1 if the latest probe succeeded, otherwise 0", None).add(&[], probe.ok);
        let help = "Duration of the latest probe";
        let took = std::time::Duration::from_millis(probe.took_ms).as_secs_f64();
        reading.gauge("tornado_tor_probe_duration", help, Some(&Unit::Seconds)).add(&[], took);
        let age = unix_now().saturating_sub(probe.at).max(0);
        reading.gauge("tornado_tor_probe_age", "Time since the latest probe", Some(&Unit::Seconds)).add(&[], age);
    }
    let help = "Bytes that Tor read from the network";
    reading.counter("tornado_tor_read", help, Some(&Unit::Bytes)).add(&[], status.traffic.read);
    let help = "Bytes that Tor wrote to the network";
    reading.counter("tornado_tor_written", help, Some(&Unit::Bytes)).add(&[], status.traffic.written);
    let countries = service.countries.countries();
    let mut values = reading.gauge("tornado_tor_countries", "Tor processes of exit countries by readiness", None);
    let ready = countries.iter().filter(|country| country.ready).count();
    values.add(&[("ready", "yes")], ready);
    values.add(&[("ready", "no")], countries.len() - ready);
}
