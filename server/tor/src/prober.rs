//! Probes at intervals, at once when the lane's state is in doubt, and on request.

use crate::circuits;
use crate::probe::{self, ProbeError};
use crate::service::Service;
use crate::stuck::Answer;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tornado_contracts::tor::{Exit, ProbeReport, TorEvent};

/// The shortest pause between two probes.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause while probes fail.
const FAILING: Duration = Duration::from_secs(3);
/// Deadline for the lookup of the exit.
const NAMING: Duration = Duration::from_secs(2);

/// Probes until shutdown, while the outcome decides about the lane.
pub(crate) async fn run(service: Arc<Service>, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        if service.wants_probe() {
            tokio::select! {
                _ = probe(&service) => {}
                () = shutdown.cancelled() => return,
            }
        }
        let interval = service.config.probe.interval();
        let pause = if service.is_failing() { interval.min(FAILING) } else { interval };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            () = service.probe_soon.notified() => tokio::time::sleep(PAUSE.min(pause)).await,
        }
    }
}

/// Probes now, with one retry, and applies the outcome.
pub(crate) async fn probe(service: &Service) -> ProbeReport {
    let mut token = service.probing.lock().await;
    let started = Instant::now();
    let mut outcome = attempt(service, *token).await;
    if outcome.is_err() {
        // Retry on another circuit: the failure of one exit says nothing about Tor.
        *token += 1;
        outcome = attempt(service, *token).await;
    }
    let took = started.elapsed();
    let ok = outcome.is_ok();
    let is_answered = outcome.as_ref().err().is_none_or(ProbeError::is_of_exit);
    let mut report = ProbeReport {
        ok,
        at: (service.unix_now)(),
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        exit: None,
        error: outcome.err().map(|error| error.to_string()),
    };
    // A probe proves the lane from its start on, so a failure after that start is not overruled.
    service.update(|state| {
        if let Some(error) = &report.error {
            state.last_error = Some(format!("the probe failed: {error}"));
        }
        state.probe = Some(report.clone());
        state.probed(ok, started, if is_answered { Answer::Exit } else { Answer::Nobody });
    });
    if ok {
        report.exit = exit(service, *token).await;
        service.update(|state| state.probe = Some(report.clone()));
    }
    service.emit(TorEvent::Probe(report.clone()));
    report
}

async fn attempt(service: &Service, token: u64) -> Result<(), ProbeError> {
    let (host, port) = service.config.probe.parts();
    let token = token.to_string();
    let socket = service.layout.probe();
    let probing = probe::once(&socket, host, port, &token);
    tokio::time::timeout(service.config.probe.deadline(), probing).await.unwrap_or(Err(ProbeError::Late))
}

async fn exit(service: &Service, token: u64) -> Option<Exit> {
    let control = service.read(|state| state.control.clone())?;
    let token = token.to_string();
    let naming = circuits::exit_of(&control, probe::USER, &token);
    tokio::time::timeout(NAMING, naming).await.ok()?.ok()?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::torrc::Layout;

    #[tokio::test(start_paused = true)]
    async fn the_prober_rests_for_sixty_days_while_no_tor_runs() {
        let dir = tempfile::tempdir().unwrap();
        let service = Arc::new(Service::new(Arc::default(), Layout::new(dir.path()), || 0));
        let least = service.config.probe.interval().min(FAILING);
        let per_hour = 3600 * 1000 / u64::try_from(least.as_millis()).unwrap();
        tornado_endurance::sixty_days(per_hour, run(service, CancellationToken::new())).await;
    }
}
