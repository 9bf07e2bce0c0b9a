//! The tor lane.

use crate::bounded::Missing;
use crate::caller::fault;
use crate::memory::courses::{Courses, sum};
use crate::memory::metrics::{self, age, scaled, starting};
use crate::overview::{devices_on, gate};
use tornado_admin_api::AdminApi;
use tornado_admin_api::types::{self, CircuitView, CountryTorView, LinesQuery, NoInput, ProcessView};
use tornado_admin_ui::model::overview::Range;
use tornado_admin_ui::model::tor::{Circuit, CountryTor, Probe, Tor};
use tornado_admin_ui::model::{Condition, Fault};

/// Lines of Tor's log on the page.
const LINES: u32 = 12;

fn process(view: &ProcessView, is_desired: bool) -> (Condition, String) {
    let condition = match view.state.as_str() {
        "running" => Condition::Good,
        "waiting" | "stopping" => Condition::Pending,
        "stopped" if !is_desired => Condition::Stopped,
        _ => Condition::Broken,
    };
    let state = view.state.replace('_', " ");
    let text = match &view.reason {
        Some(reason) if condition == Condition::Broken => format!("{state}: {reason}"),
        _ => state,
    };
    (condition, text)
}

fn circuit(view: CircuitView) -> Circuit {
    Circuit {
        condition: match view.status.as_str() {
            "BUILT" => Condition::Good,
            "FAILED" => Condition::Broken,
            "CLOSED" => Condition::Absent,
            _ => Condition::Pending,
        },
        path: view.path.into_iter().map(|hop| (hop.nickname, hop.country)).collect(),
        purpose: view.purpose,
        id: view.id,
    }
}

fn country(view: CountryTorView) -> CountryTor {
    let condition = match (view.ready, view.process.state.as_str()) {
        (true, _) => Condition::Good,
        (false, "stopped") => Condition::Stopped,
        (false, "backing_off") => Condition::Broken,
        (false, _) => Condition::Pending,
    };
    CountryTor { country: view.country, condition, percent: u64::from(view.bootstrap.percent), is_used: view.in_use }
}

/// Progress of Tor's start in percent, and its step or warning.
pub fn bootstrap(view: &types::TorView) -> (u64, String) {
    let step = view.bootstrap.warning.as_ref().unwrap_or(&view.bootstrap.summary);
    (u64::from(view.bootstrap.percent), step.clone())
}

/// Everything on the page. Parts that cannot be read are empty.
///
/// # Errors
///
/// The sign-in does not allow it, or `tor` does not respond.
pub async fn read(api: &dyn AdminApi, courses: &Courses, missing: &Missing, now: i64) -> Result<Tor, Fault> {
    // At the same time, so that a service that hangs takes the time of one part only.
    let (view, circuits, exits, countries, log, devices, overview, metrics) = futures::join!(
        api.show_tor(NoInput {}),
        api.list_circuits(NoInput {}),
        api.list_exit_countries(NoInput {}),
        api.list_country_tors(NoInput {}),
        api.show_tor_log(LinesQuery { lines: Some(LINES) }),
        devices_on(api, types::Lane::Tor),
        api.overview(NoInput {}),
        metrics::read(api, courses, Range::Hour, now)
    );
    let view = view.map_err(|error| fault(&error, "tor"))?;
    let overview = overview.ok();
    if overview.iter().flat_map(|view| &view.missing).any(|part| part.service == "wg") {
        missing.add("wg");
    }
    let is_process_desired = view.desired.is_none_or(|desired| desired.process);
    let (condition, process_state) = process(&view.process, is_process_desired);
    let mut log = log.map(|list| list.items).unwrap_or_default();
    log.reverse();
    let bootstrap = bootstrap(&view);
    Ok(Tor {
        gate: gate(view.lane),
        gate_reason: view.lane_reason,
        since_s: Some(age(now, view.lane_since)),
        applied: view.lane_applied.map(gate),
        devices,
        is_process_desired,
        is_lane_desired: view.desired.is_none_or(|desired| desired.lane),
        process: condition,
        process_state,
        up_s: view.uptime,
        bootstrap,
        probe: view.probe.map(|probe| Probe {
            is_ok: probe.ok,
            at: probe.at,
            took_ms: probe.took_ms,
            detail: if probe.ok { probe.country } else { probe.error }.unwrap_or_default(),
        }),
        is_canary_healthy: overview.and_then(|view| view.lanes).map(|lanes| lanes.canary.healthy),
        version: view.version,
        streams: u64::from(view.streams),
        traffic: (view.traffic.received, view.traffic.sent),
        circuits: circuits.ok().map(|list| list.items.into_iter().map(circuit).collect()),
        exits: exits
            .map(|list| list.items.into_iter().map(|one| (one.country, u64::from(one.exits))).collect())
            .unwrap_or_default(),
        countries: countries.map(|list| list.items.into_iter().map(country).collect()).unwrap_or_default(),
        log,
        streams_course: sum(starting(&metrics.range, "tornado_tor_streams{")),
        bootstrap_course: scaled(sum(starting(&metrics.range, "tornado_tor_bootstrap_ratio{")), 100.0),
        as_of: now,
    })
}
