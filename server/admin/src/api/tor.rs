//! Views of Tor.

use super::convert::word;
use tornado_admin_api::types::{
    BootstrapView, Bytes, CircuitView, CountryTorView, ExitCountryView, HopView, LaneState, ProbeView, ProcessView,
    TorDesired, TorOrder, TorView,
};
use tornado_contracts::tor::{self, Bootstrap, Circuit, CountryTor, ExitCountry, ProbeReport, TorProcess, TorStatus};
use tornado_contracts::wg::TorLane;

pub fn status(status: TorStatus) -> TorView {
    TorView {
        desired: status.desired.map(|desired| TorDesired { process: desired.process, lane: desired.lane }),
        process: process(status.process),
        version: status.version,
        uptime: status.uptime,
        restarts: status.restarts,
        bootstrap: bootstrap(status.bootstrap),
        circuit_established: status.circuit_established,
        network_live: status.network_live,
        probe: status.probe.map(probe),
        lane: match status.lane.state {
            tor::LaneState::Closed => LaneState::Closed,
            tor::LaneState::Maintenance => LaneState::Maintenance,
            tor::LaneState::Open => LaneState::Open,
        },
        lane_reason: word(status.lane.reason),
        lane_since: status.lane.since,
        lane_applied: status.lane.applied.map(|applied| match applied {
            TorLane::Closed => LaneState::Closed,
            TorLane::Maintenance { .. } => LaneState::Maintenance,
            TorLane::Open { .. } => LaneState::Open,
        }),
        traffic: Bytes { received: status.traffic.read, sent: status.traffic.written },
        streams: status.streams,
        last_error: status.last_error,
    }
}

pub const fn order(order: TorOrder) -> tor::TorOrder {
    match order {
        TorOrder::Start => tor::TorOrder::Start,
        TorOrder::Stop => tor::TorOrder::Stop,
        TorOrder::Up => tor::TorOrder::Up,
        TorOrder::Down => tor::TorOrder::Down,
    }
}

pub fn probe(report: ProbeReport) -> ProbeView {
    let (exit, country) = report.exit.map_or((None, None), |exit| (Some(exit.nickname), exit.country));
    ProbeView { ok: report.ok, at: report.at, took_ms: report.took_ms, exit, country, error: report.error }
}

pub fn circuit(circuit: Circuit) -> CircuitView {
    let hop = |hop: tor::Hop| HopView {
        role: word(hop.role),
        fingerprint: hop.fingerprint,
        nickname: hop.nickname,
        address: hop.address.map(|address| address.to_string()),
        country: hop.country,
        flags: hop.flags,
    };
    CircuitView {
        id: circuit.id,
        status: circuit.status,
        purpose: circuit.purpose,
        conflux_id: circuit.conflux_id,
        path: circuit.path.into_iter().map(hop).collect(),
    }
}

pub fn exit_country(country: ExitCountry) -> ExitCountryView {
    ExitCountryView { country: country.country, exits: country.exits, bandwidth: country.bandwidth }
}

pub fn country_tor(country: CountryTor) -> CountryTorView {
    CountryTorView {
        country: country.country.to_string(),
        process: process(country.process),
        bootstrap: bootstrap(country.bootstrap),
        ready: country.ready,
        reason: word(country.reason),
        in_use: country.in_use,
    }
}

fn process(process: TorProcess) -> ProcessView {
    let view =
        |state: &str| ProcessView { state: state.to_owned(), pid: None, since: None, reason: None, retry_in_ms: None };
    match process {
        TorProcess::Stopped => view("stopped"),
        TorProcess::Waiting { reason } => ProcessView { reason: Some(reason), ..view("waiting") },
        TorProcess::Running { pid, since } => ProcessView { pid: Some(pid), since: Some(since), ..view("running") },
        TorProcess::Stopping { pid } => ProcessView { pid: Some(pid), ..view("stopping") },
        TorProcess::BackingOff { reason, retry_in_ms } => {
            ProcessView { reason: Some(reason), retry_in_ms: Some(retry_in_ms), ..view("backing_off") }
        }
    }
}

fn bootstrap(bootstrap: Bootstrap) -> BootstrapView {
    let Bootstrap { percent, tag, summary, warning } = bootstrap;
    BootstrapView { percent, tag, summary, warning }
}
