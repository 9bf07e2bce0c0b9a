//! Probes at intervals, at once when the lane's state is in doubt, and on request.

use super::shared::Instance;
use super::socks::{self, ProbeError};
use crate::control::circuits;
use crate::process::stuck::Response;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tornado_contracts::tor::{Exit, ProbeReport, TorEvent};

/// The shortest pause between two probes.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause while probes fail.
const FAILING: Duration = Duration::from_secs(3);
/// Deadline for the lookup of the exit.
const LOOKUP: Duration = Duration::from_secs(2);

/// Probes until shutdown, while the outcome decides about the lane.
pub(super) async fn run(instance: Arc<Instance>, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        if instance.read(|state| state.wants_probe()) {
            tokio::select! {
                _ = health(&instance) => {}
                () = shutdown.cancelled() => return,
            }
        }
        let interval = instance.config().probe.interval();
        let pause = if instance.read(|state| state.is_failing()) { interval.min(FAILING) } else { interval };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            () = instance.probe_soon() => tokio::time::sleep(PAUSE.min(pause)).await,
        }
    }
}

/// Probes now, with one retry, and applies the outcome.
pub(crate) async fn health(instance: &Instance) -> ProbeReport {
    let mut circuit = instance.probe_circuit().await;
    let started = Instant::now();
    let mut outcome = attempt(instance, *circuit).await;
    if outcome.is_err() {
        // Retry on another circuit: the failure of one exit says nothing about Tor.
        *circuit += 1;
        outcome = attempt(instance, *circuit).await;
    }
    let took = started.elapsed();
    let is_from_exit = outcome.as_ref().err().is_none_or(ProbeError::is_from_exit);
    let response = if is_from_exit { Response::Exit } else { Response::Missing };
    let mut report = ProbeReport {
        ok: outcome.is_ok(),
        at: instance.unix_now(),
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        exit: None,
        error: outcome.err().map(|error| error.to_string()),
    };
    // A probe proves the lane from its start on, so a failure after that start is not overruled.
    instance.update(|state, now| state.set_probe(&report, response, started, now));
    if report.ok {
        report.exit = exit(instance, *circuit).await;
        instance.update(|state, _| state.complete_probe(&report));
    }
    instance.emit(TorEvent::Probe(report.clone()));
    report
}

async fn attempt(instance: &Instance, circuit: u64) -> Result<(), ProbeError> {
    let probe = &instance.config().probe;
    let (host, port) = probe.parts();
    let socket = instance.layout().probe();
    let token = circuit.to_string();
    let request = socks::request_once(&socket, host, port, &token);
    tokio::time::timeout(probe.deadline(), request).await.unwrap_or(Err(ProbeError::Late))
}

async fn exit(instance: &Instance, circuit: u64) -> Option<Exit> {
    let control = instance.control().ok()?;
    let token = circuit.to_string();
    let lookup = circuits::exit_of(&control, socks::USER, &token);
    tokio::time::timeout(LOOKUP, lookup).await.ok()?.ok()?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Layout;

    #[tokio::test(start_paused = true)]
    async fn the_prober_waits_for_sixty_days_while_no_tor_runs() {
        let dir = tempfile::tempdir().unwrap();
        let instance = Arc::new(Instance::new(
            Arc::default(),
            Layout::new(dir.path()),
            None,
            tornado_runtime::clock::Clock::new(|| 0),
        ));
        let least = instance.config().probe.interval().min(FAILING);
        let per_hour = 3600 * 1000 / u64::try_from(least.as_millis()).unwrap();
        tornado_endurance::sixty_days(per_hour, run(instance, CancellationToken::new())).await;
    }
}
