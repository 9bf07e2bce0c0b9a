//! Keeps a connection to the control port of the running Tor process and applies its events.

use super::paths;
use super::shared::Instance;
use crate::control::{Connection, Control, ControlError, Event, connect, event};
use crate::process::Account;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tornado_contracts::tor::{TorEvent, TorTraffic};

/// Pause between attempts to attach.
const RETRY: Duration = Duration::from_millis(250);
/// Interval of the queries for values that events may have missed. They also detect a Tor that hangs.
const QUERY: Duration = Duration::from_secs(1);
/// Deadline for such a query.
const DEADLINE: Duration = Duration::from_secs(3);
/// A Tor process that runs but does not respond for this long is replaced.
const HUNG: Duration = Duration::from_secs(10);

const KEYS: [&str; 6] = [
    "version",
    "status/bootstrap-phase",
    "status/circuit-established",
    "network-liveness",
    "traffic/read",
    "traffic/written",
];

/// Attaches repeatedly until shutdown.
pub(super) async fn run(instance: Arc<Instance>, account: Account, shutdown: CancellationToken) {
    // The latest process, and when it last responded or was started.
    let mut latest: Option<(u32, Instant)> = None;
    let mut changed = instance.changed();
    while !shutdown.is_cancelled() {
        changed.mark_unchanged();
        let process = instance.read(|state| state.running());
        if let Some((pid, _)) = process {
            let (_, mut responded) = latest.filter(|(of, _)| *of == pid).unwrap_or_else(|| (pid, Instant::now()));
            let ended = attach(&instance, account, &shutdown, &mut responded).await;
            latest = Some((pid, responded));
            instance.update(|state, now| state.detach(now));
            tracing::debug!(error = %ended, "the control connection to Tor ended");
            if responded.elapsed() > HUNG && instance.read(|state| state.running()) == process {
                tracing::warn!(pid, "Tor runs but does not respond and is replaced");
                instance.update(|state, _| state.set_error("Tor ran but did not respond".into()));
                instance.replace_process();
                latest = None;
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(RETRY), if process.is_some() => {}
            // A start of Tor is such a change. This task holds the instance and with it the sender, so the channel is
            // never closed.
            _ = changed.changed(), if process.is_none() => {}
        }
    }
}

/// Stays attached as long as Tor responds, and records in `responded` when it last did. Returns the reason for the end.
async fn attach(
    instance: &Instance,
    account: Account,
    shutdown: &CancellationToken,
    responded: &mut Instant,
) -> ControlError {
    let layout = instance.layout();
    let mut connection = match connect(&layout.control(), &layout.cookie(), account.uid()).await {
        Ok(connection) => connection,
        Err(error) => return error,
    };
    match begin(instance, &connection).await {
        Ok(()) => *responded = Instant::now(),
        Err(error) => return error,
    }
    let mut tick = tornado_runtime::every(QUERY);
    loop {
        tokio::select! {
            event = connection.events.recv() => match event {
                Some(event) => apply(instance, event),
                None => return ControlError::Closed,
            },
            _ = tick.tick() => {
                if let Err(error) = query(instance, &connection.control).await {
                    return error;
                }
                *responded = Instant::now();
                instance.replace_if_stuck();
            }
            () = shutdown.cancelled() => return ControlError::Closed,
        }
    }
}

async fn begin(instance: &Instance, connection: &Connection) -> Result<(), ControlError> {
    let control = &connection.control;
    let (streams, circuits) = (control.streams().await?, control.circuits().await?);
    circuits.iter().for_each(|line| instance.paths().record_circuit(line));
    instance.update(|state, now| state.attach(control.clone(), streams, now));
    query(instance, control).await
}

/// Queries Tor for its state and applies the response.
async fn query(instance: &Instance, control: &Control) -> Result<(), ControlError> {
    let info = tokio::time::timeout(DEADLINE, control.info(&KEYS)).await.map_err(|_| ControlError::Late)??;
    let get = |key: &str| info.get(key).map(String::as_str);
    let number = |key: &str| get(key).and_then(|value| value.parse().ok()).unwrap_or(0);
    if let Some(bootstrap) = get("status/bootstrap-phase").and_then(event::bootstrap) {
        apply(instance, Event::Bootstrap(bootstrap));
    }
    let was_live = instance.read(|state| state.live());
    if let Some(live) = get("network-liveness").and_then(event::liveness).filter(|live| Some(*live) != was_live) {
        apply(instance, Event::Liveness(live));
    }
    apply(instance, Event::Established(get("status/circuit-established") == Some("1")));
    let version = get("version").map(|version| version.chars().take(64).collect());
    let traffic = TorTraffic { read: number("traffic/read"), written: number("traffic/written") };
    instance.update(|state, _| state.set_counters(version, traffic));
    Ok(())
}

/// Applies an event of Tor's control port, and passes it on to the subscribers.
fn apply(instance: &Instance, event: Event) {
    match event {
        Event::Bootstrap(bootstrap) => {
            if instance.update(|state, now| state.set_bootstrap(&bootstrap, now)) {
                instance.emit(TorEvent::Bootstrap(bootstrap));
            }
        }
        Event::Established(established) => instance.update(|state, now| state.set_established(established, now)),
        Event::Liveness(up) => {
            instance.update(|state, now| state.set_live(up, now));
            instance.emit(TorEvent::Liveness { up });
        }
        Event::Bandwidth { read, written } => instance.emit(TorEvent::Bandwidth(TorTraffic { read, written })),
        Event::Circuit(line) => {
            instance.paths().record_circuit(&line);
            instance.emit(TorEvent::Circuit(line));
        }
        Event::Stream { id, status, internal, circuit, source, is_onion } => {
            if let Some(circuit) = circuit.filter(|_| !is_onion) {
                record_path(instance, &id, &status, &circuit);
            }
            let open = match status.as_str() {
                "NEW" | "NEWRESOLVE" if internal != Some(true) => {
                    let owner = source.and_then(paths::number);
                    instance.update(|state, _| state.open_stream(id, owner))
                }
                "CLOSED" => instance.update(|state, _| state.close_stream(&id)),
                _ => None,
            };
            if let Some(open) = open {
                instance.emit(TorEvent::Streams { open: u32::try_from(open).unwrap_or(u32::MAX) });
            }
        }
        Event::Other { kind } => tracing::trace!(kind, "ignored an event"),
    }
}

/// Records which circuit carries a device.
fn record_path(instance: &Instance, stream: &str, status: &str, circuit: &str) {
    let is_connection = match status {
        "SENTCONNECT" | "SUCCEEDED" => true,
        "SENTRESOLVE" => false,
        _ => return,
    };
    if let Some(number) = instance.read(|state| state.stream_owner(stream)) {
        instance.paths().record_connection(number, circuit, is_connection, instance.unix_now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Layout;
    use tornado_contracts::tor::TorProcess;

    #[tokio::test(start_paused = true)]
    async fn a_missing_control_port_is_retried_steadily_for_sixty_days() {
        let dir = tempfile::tempdir().unwrap();
        let instance = Arc::new(Instance::new(
            Arc::default(),
            Layout::new(dir.path()),
            None,
            tornado_runtime::clock::Clock::new(|| 0),
        ));
        let account = Account::of(None).unwrap();
        instance.set_process(TorProcess::Running { pid: 1, since: 0 });
        tornado_endurance::sixty_days(4 * 3600, run(instance, account, CancellationToken::new())).await;
    }
}
