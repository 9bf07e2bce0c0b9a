//! Keeps a connection to the control port of the running Tor process and processes its events (defect_052).

use crate::account::Account;
use crate::control::client::Connection;
use crate::control::{Control, ControlError, Event, connect, event};
use crate::machine::Input;
use crate::service::Service;
use crate::{circuits, control, paths};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tornado_contracts::tor::{TorEvent, TorProcess, TorTraffic};

/// Pause between attempts to attach.
const RETRY: Duration = Duration::from_millis(250);
/// Interval of the queries for values that events may have missed. They also detect a Tor that hangs.
const ASK: Duration = Duration::from_secs(1);
/// Deadline for such a query.
const DEADLINE: Duration = Duration::from_secs(3);
/// A Tor process that runs but does not respond for this long is replaced.
const HUNG: Duration = Duration::from_secs(10);
/// Maximum number of streams that are counted.
const MAX_STREAMS: usize = 100_000;

const KEYS: [&str; 6] = [
    "version",
    "status/bootstrap-phase",
    "status/circuit-established",
    "network-liveness",
    "traffic/read",
    "traffic/written",
];

/// Attaches repeatedly until shutdown.
pub(crate) async fn run(service: Arc<Service>, account: Account, shutdown: CancellationToken) {
    // The latest process, and when it last responded or was first seen.
    let mut heard_of: Option<(u32, Instant)> = None;
    let mut changed = service.changed();
    while !shutdown.is_cancelled() {
        changed.mark_unchanged();
        let process = running(&service);
        if let Some(pid) = process {
            let (_, mut heard) = heard_of.filter(|(of, _)| *of == pid).unwrap_or_else(|| (pid, Instant::now()));
            let ended = attach(&service, account, &shutdown, &mut heard).await;
            heard_of = Some((pid, heard));
            service.update(|state| state.detached());
            tracing::debug!(error = %ended, "the control connection to Tor ended");
            if heard.elapsed() > HUNG && running(&service) == Some(pid) {
                tracing::warn!(pid, "Tor runs but does not respond and is replaced");
                service.update(|state| state.last_error = Some("Tor ran but did not respond".into()));
                service.renew_process();
                heard_of = None;
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(RETRY), if process.is_some() => {}
            // A start of Tor is such a change. The sender lives in the service, which this task holds, so it is never
            // closed.
            _ = changed.changed(), if process.is_none() => {}
        }
    }
}

fn running(service: &Service) -> Option<u32> {
    service.read(|state| match state.process {
        TorProcess::Running { pid, .. } => Some(pid),
        TorProcess::Stopped
        | TorProcess::Waiting { .. }
        | TorProcess::Stopping { .. }
        | TorProcess::BackingOff { .. } => None,
    })
}

/// Stays attached as long as Tor responds, and records in `heard` when it last did. Returns the reason for the end.
async fn attach(
    service: &Service,
    account: Account,
    shutdown: &CancellationToken,
    heard: &mut Instant,
) -> ControlError {
    let layout = &service.layout;
    let mut connection = match connect(&layout.control(), &layout.cookie(), account.uid()).await {
        Ok(connection) => connection,
        Err(error) => return error,
    };
    match begin(service, &connection).await {
        Ok(()) => *heard = Instant::now(),
        Err(error) => return error,
    }
    let mut tick = tornado_runtime::every(ASK);
    loop {
        tokio::select! {
            event = connection.events.recv() => match event {
                Some(event) => take_in(service, event),
                None => return ControlError::Closed,
            },
            _ = tick.tick() => {
                if let Err(error) = ask(service, &connection.control).await {
                    return error;
                }
                *heard = Instant::now();
                service.renew_if_stuck();
            }
            () = shutdown.cancelled() => return ControlError::Closed,
        }
    }
}

async fn begin(service: &Service, connection: &Connection) -> Result<(), ControlError> {
    let (streams, circuits) = (connection.control.streams().await?, connection.control.circuits().await?);
    circuits.iter().for_each(|line| service.paths().circuit(line));
    service.update(|state| {
        // Only the first event of a stream carries its source, so the owners of these streams are unknown.
        state.streams = streams.into_iter().take(MAX_STREAMS).map(|id| (id, None)).collect();
        state.control = Some(connection.control.clone());
        state.feed(Input::Controlled(true));
    });
    ask(service, &connection.control).await
}

/// Queries Tor for its state and processes the response.
async fn ask(service: &Service, control: &Control) -> Result<(), ControlError> {
    let info = tokio::time::timeout(DEADLINE, control.info(&KEYS)).await.map_err(|_| ControlError::Late)??;
    let get = |key: &str| info.get(key).map(String::as_str);
    let number = |key: &str| get(key).and_then(|value| value.parse().ok()).unwrap_or(0);
    let bootstrap = get("status/bootstrap-phase").and_then(control::event::bootstrap);
    let established = get("status/circuit-established") == Some("1");
    let live = get("network-liveness").and_then(event::liveness);
    let is_live = service.read(|state| state.live);
    if let Some(bootstrap) = bootstrap {
        take_in(service, Event::Bootstrap(bootstrap));
    }
    if let Some(live) = live.filter(|live| Some(*live) != is_live) {
        take_in(service, Event::Liveness(live));
    }
    take_in(service, Event::Established(established));
    service.update(|state| {
        state.version = get("version").map(|version| version.chars().take(64).collect());
        state.traffic = TorTraffic { read: number("traffic/read"), written: number("traffic/written") };
    });
    Ok(())
}

fn take_in(service: &Service, event: Event) {
    match event {
        Event::Bootstrap(bootstrap) => {
            let is_news = service.read(|state| state.bootstrap != bootstrap);
            service.update(|state| {
                state.feed(Input::Bootstrap(bootstrap.percent));
                state.bootstrap = bootstrap.clone();
            });
            if is_news {
                service.emit(TorEvent::Bootstrap(bootstrap));
            }
        }
        Event::Established(established) => service.update(|state| {
            state.established = established;
            state.feed(Input::Established(established));
        }),
        Event::Liveness(up) => {
            service.update(|state| {
                state.live = Some(up);
                state.feed(Input::Liveness(up));
            });
            service.emit(TorEvent::Liveness { up });
        }
        Event::Bandwidth { read, written } => service.emit(TorEvent::Bandwidth(TorTraffic { read, written })),
        Event::Circuit(line) => {
            service.paths().circuit(&line);
            service.emit(TorEvent::Circuit(circuits::plain(line)));
        }
        Event::Stream { id, status, internal, circuit, source, is_onion } => {
            if let Some(circuit) = circuit.filter(|_| !is_onion) {
                carried(service, &id, &status, &circuit);
            }
            stream(service, id, &status, internal, source);
        }
        Event::Other { kind } => tracing::trace!(kind, "ignored an event"),
    }
}

/// Records which circuit carries a device.
fn carried(service: &Service, id: &str, status: &str, circuit: &str) {
    let is_connection = match status {
        "SENTCONNECT" | "SUCCEEDED" => true,
        "SENTRESOLVE" => false,
        _ => return,
    };
    if let Some(number) = service.read(|state| state.streams.get(id).copied().flatten()) {
        service.paths().carried(number, circuit, is_connection, (service.unix_now)());
    }
}

fn stream(service: &Service, id: String, status: &str, internal: Option<bool>, source: Option<SocketAddr>) {
    let number = source.and_then(|source| paths::number(&service.config.isolation, source));
    let mut open = None;
    service.update(|state| {
        let is_news = match status {
            "NEW" | "NEWRESOLVE" => {
                internal != Some(true)
                    && state.streams.len() < MAX_STREAMS
                    && state.streams.insert(id, number).is_none()
            }
            "CLOSED" => state.streams.remove(&id).is_some(),
            _ => false,
        };
        open = is_news.then_some(state.streams.len());
    });
    if let Some(open) = open {
        service.emit(TorEvent::Streams { open: u32::try_from(open).unwrap_or(u32::MAX) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::torrc::Layout;

    #[tokio::test(start_paused = true)]
    async fn a_tor_without_a_control_port_is_tried_at_a_steady_pace_for_sixty_days() {
        let dir = tempfile::tempdir().unwrap();
        let service = Arc::new(Service::new(Arc::default(), Layout::new(dir.path()), || 0));
        let account = Account::of(None).unwrap();
        service.update(|state| state.process = TorProcess::Running { pid: 1, since: 0 });
        tornado_endurance::sixty_days(4 * 3600, run(service, account, CancellationToken::new())).await;
    }
}
