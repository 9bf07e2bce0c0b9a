//! `tornadod tor …`

use crate::cli::Tor as Words;
use crate::commands::args::Format;
use crate::commands::{Server, follow, say_json, show, silent};
use crate::failure::{Failure, Outcome as _};
use crate::output::{bytes, or_dash, say, span, table};
use tornado_contracts::ServiceName;
use tornado_contracts::tor::{
    Circuit, ExitCountry, LaneReason, LaneState, ProbeReport, Tor as _, TorClient, TorControl, TorLogQuery, TorOrder,
    TorProcess, TorStatus,
};
use tornado_contracts::wg::TorLane;
use tornado_rpc::NoInput;
use tornado_runtime::clock::unix_now;

pub async fn run(server: &Server, words: Words) -> Result<(), Failure> {
    let tor = TorClient::new(server.channel(ServiceName::Tor));
    match words {
        Words::Status(Format { json }) => status(server, &tor, json).await,
        Words::Up => order(&tor, TorOrder::Up).await,
        Words::Down => order(&tor, TorOrder::Down).await,
        Words::Start => order(&tor, TorOrder::Start).await,
        Words::Stop => order(&tor, TorOrder::Stop).await,
        Words::Circuits(Format { json }) => circuits(&tor, json).await,
        Words::Exits(Format { json }) => exits(&tor, json).await,
        Words::NewIdentity => new_identity(&tor).await,
        Words::Health(Format { json }) => health(&tor, json).await,
        Words::Log { lines } => log(&tor, lines).await,
        Words::Events => follow(ServiceName::Tor, tor.events().await.or_cannot("follow events")?).await,
    }
}

async fn status(server: &Server, tor: &TorClient, json: bool) -> Result<(), Failure> {
    let status = tor.status(NoInput {}).await.or_cannot("read the state of Tor")?;
    if json {
        return say_json(&status);
    }
    print(&status);
    let canary = super::canary::line(server).await;
    say(&format!("leak canary: {}", canary.unwrap_or_else(|| silent(ServiceName::Wg))));
    Ok(())
}

async fn order(tor: &TorClient, order: TorOrder) -> Result<(), Failure> {
    print(&tor.control(TorControl { order }).await.or_cannot("control Tor")?);
    Ok(())
}

async fn new_identity(tor: &TorClient) -> Result<(), Failure> {
    tor.new_identity(NoInput {}).await.or_cannot("request a new identity")?;
    say("new connections get new circuits");
    Ok(())
}

async fn circuits(tor: &TorClient, json: bool) -> Result<(), Failure> {
    let answer = tor.circuits(NoInput {}).await.or_cannot("list circuits")?;
    let line = |c: &Circuit| [c.id.clone(), c.status.clone(), c.purpose.clone(), path(c)];
    show(json, &answer, |answer| match &answer.unavailable {
        Some(why) => say(&format!("circuits are not available: {why}")),
        None => table(["ID", "STATUS", "PURPOSE", "PATH"], answer.circuits.iter().map(line)),
    })
}

fn path(circuit: &Circuit) -> String {
    let hops = circuit.path.iter().map(|hop| match &hop.country {
        Some(country) => format!("{} ({country})", hop.nickname),
        None => hop.nickname.clone(),
    });
    hops.collect::<Vec<_>>().join(" > ")
}

async fn exits(tor: &TorClient, json: bool) -> Result<(), Failure> {
    let answer = tor.exits(NoInput {}).await.or_cannot("list exits")?;
    let line = |c: &ExitCountry| [c.country.clone(), c.exits.to_string(), c.bandwidth.to_string()];
    show(json, &answer, |answer| match &answer.unavailable {
        Some(why) => say(&format!("exits are not available: {why}")),
        None => table(["COUNTRY", "EXITS", "WEIGHT"], answer.countries.iter().map(line)),
    })
}

async fn health(tor: &TorClient, json: bool) -> Result<(), Failure> {
    let report = tor.health(NoInput {}).await.or_cannot("probe Tor")?;
    show(json, &report, |report| say(&probe_words(report)))?;
    if report.ok { Ok(()) } else { Err(Failure::failed("the probe through Tor failed")) }
}

async fn log(tor: &TorClient, lines: usize) -> Result<(), Failure> {
    let log = tor.log(TorLogQuery { lines: Some(lines) }).await.or_cannot("read Tor's log")?;
    log.lines.iter().for_each(|line| say(line));
    Ok(())
}

fn print(status: &TorStatus) {
    let now = unix_now();
    let state = match status.lane.state {
        LaneState::Closed => "closed",
        LaneState::Maintenance => "maintenance",
        LaneState::Open => "open",
    };
    let lane = format!("{state} for {}: {}", span(now - status.lane.since), reason(status.lane.reason));
    let wanted = status.desired.map_or_else(
        || "unreadable; run `tornadod tor up` or another order".to_owned(),
        |w| {
            let (process, lane) = (if w.process { "running" } else { "stopped" }, if w.lane { "up" } else { "down" });
            format!("Tor {process}, lane {lane}")
        },
    );
    let step = &status.bootstrap;
    let mut rows = vec![
        row("in the kernel", applied(status.lane.applied).to_owned()),
        row("desired", wanted),
        row("process", process(&status.process, now)),
        row("version", or_dash(status.version.as_ref())),
        row("bootstrap", format!("{} % {}", step.percent, step.summary)),
        row("circuit", if status.circuit_established { "established" } else { "none" }.into()),
        row("probe", status.probe.as_ref().map_or_else(|| "none yet".into(), probe_words)),
        row("traffic", format!("{} / {}", bytes(status.traffic.read), bytes(status.traffic.written))),
        row("streams", status.streams.to_string()),
        row("restarts", status.restarts.to_string()),
    ];
    if let Some(warning) = &step.warning {
        rows.push(row("warning", warning.clone()));
    }
    if let Some(error) = &status.last_error {
        rows.push(row("latest error", error.clone()));
    }
    table(["lane", &lane], rows);
}

fn row(name: &str, value: String) -> [String; 2] {
    [name.to_owned(), value]
}

const fn reason(reason: LaneReason) -> &'static str {
    match reason {
        LaneReason::Healthy => "Tor is healthy",
        LaneReason::OperatorDown => "an operator closed it",
        LaneReason::OperatorStopped => "an operator stopped Tor",
        LaneReason::DesiredUnreadable => "the desired state cannot be read",
        LaneReason::ProcessDown => "Tor does not run",
        LaneReason::ControlDown => "Tor does not respond",
        LaneReason::Bootstrapping => "Tor is starting",
        LaneReason::NoCircuit => "Tor has no working circuit",
        LaneReason::Unproved => "no recent probe succeeded",
        LaneReason::ProbeFailed => "the probe failed",
    }
}

const fn applied(lane: Option<TorLane>) -> &'static str {
    match lane {
        Some(TorLane::Closed) => "closed",
        Some(TorLane::Maintenance { .. }) => "maintenance",
        Some(TorLane::Open { .. }) => "open",
        None => "unknown; service wg does not respond",
    }
}

fn process(process: &TorProcess, now: i64) -> String {
    match process {
        TorProcess::Stopped => "stopped".into(),
        TorProcess::Waiting { reason } => format!("waiting: {reason}"),
        TorProcess::Running { pid, since } => format!("running for {}, pid {pid}", span(now - since)),
        TorProcess::Stopping { pid } => format!("stopping, pid {pid}"),
        TorProcess::BackingOff { reason, retry_in_ms } => format!("{reason}; retry in {retry_in_ms} ms"),
    }
}

fn probe_words(report: &ProbeReport) -> String {
    let exit = report.exit.as_ref().map(|exit| {
        let country = exit.country.as_deref().unwrap_or("??");
        exit.address.map_or_else(|| country.to_owned(), |address| format!("{address} ({country})"))
    });
    match (&report.error, exit) {
        (Some(error), _) => format!("failed after {} ms: {error}", report.took_ms),
        (None, Some(exit)) => format!("succeeded in {} ms, exit {exit}", report.took_ms),
        (None, None) => format!("succeeded in {} ms", report.took_ms),
    }
}
