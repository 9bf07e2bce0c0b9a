//! The overview, the services, and what the frame of all pages shows.

use crate::caller::fault;
use crate::memory::courses::{Courses, Metrics, span, sum};
use crate::memory::metrics::{self, Measured, age, scaled, starting};
use crate::services::{condition, service};
use std::collections::BTreeSet;
use tornado_admin_api::types::{
    AuditQuery, AuditView, LaneState, NoInput, Overview as View, ServiceView, SessionsQuery, TorView, UsersQuery,
};
use tornado_admin_api::{AdminApi, types};
use tornado_admin_ui::model::overview::{
    Attention, Count, Dependency, Event, Gate, Interface, LaneFigures, Machine, Overview, Part, Range, Service,
};
use tornado_admin_ui::model::{Condition, Fault, Lane, Role, Values, Viewer};

/// Part of a disk from which on an operator should act, in percent.
const FULL_DISK: u64 = 80;
/// Bits of a byte: metrics count rates in bytes.
const BITS: f64 = 8.0;
/// Network interfaces on the overview.
const INTERFACES: usize = 6;
/// Entries of the audit trail on the overview.
const LATEST: u32 = 6;

/// The role of the API.
pub const fn api_role(role: Role) -> types::Role {
    match role {
        Role::Viewer => types::Role::Viewer,
        Role::Operator => types::Role::Operator,
        Role::Owner => types::Role::Owner,
    }
}

/// The role of the pages.
pub const fn role(role: types::Role) -> Role {
    match role {
        types::Role::Viewer => Role::Viewer,
        types::Role::Operator => Role::Operator,
        types::Role::Owner => Role::Owner,
    }
}

/// The signed-in operator, and what the frame shows.
///
/// # Errors
///
/// The sign-in has ended, or `auth` does not respond.
pub async fn viewer(api: &dyn AdminApi, csrf: String) -> Result<Viewer, Fault> {
    let one = UsersQuery { limit: Some(1), ..UsersQuery::default() };
    let (standing, view, server, users) = futures::join!(
        api.whoami(NoInput {}),
        api.overview(NoInput {}),
        api.show_server(NoInput {}),
        api.list_users(one)
    );
    let standing = standing.map_err(|error| fault(&error, "auth"))?;
    let view = view.map_err(|error| fault(&error, "auth"))?;
    let services = view.services.as_ref();
    let is_not_ready = |service: &&ServiceView| service.desired && condition(service) != Condition::Good;
    Ok(Viewer {
        name: standing.operator.name,
        role: role(standing.operator.role),
        host: server.ok().and_then(|server| server.host.or(server.found_address)).unwrap_or_default(),
        version: services.map(|services| services.version.clone()).unwrap_or_default(),
        up_s: services.map(|services| age(view.now, services.started_at)).unwrap_or_default(),
        sessions: view.sessions.map(|numbers| u64::from(numbers.online) + u64::from(numbers.offline)),
        users: users.ok().and_then(|list| list.total),
        services_not_ready: services.map_or(0, |services| services.services.iter().filter(is_not_ready).count() as u64),
        rights: standing.rights,
        csrf,
    })
}

/// How the lane is.
pub const fn gate(state: LaneState) -> Gate {
    match state {
        LaneState::Open => Gate::Open,
        LaneState::Maintenance => Gate::Maintenance,
        LaneState::Closed => Gate::Closed,
    }
}

const LANES: [&str; 2] = ["direct", "tor"];
const DATA: [(&str, Part); 3] = [("identity", Part::Identity), ("sessions", Part::Sessions), ("live", Part::Live)];

fn sessions_metric(state: &str, lane: &str) -> String {
    format!("tornado_sessions{{service=session,state={state},lane={lane}}}")
}

fn lane_metric(direction: &str, lane: &str) -> String {
    format!("tornado_lane_{direction}_bytes_per_second{{service=wg,lane={lane}}}")
}

/// The overview.
///
/// # Errors
///
/// The sign-in does not allow it. Parts that cannot be read are absent.
pub async fn read(api: &dyn AdminApi, courses: &Courses, range: Range, now: i64) -> Result<Overview, Fault> {
    let audit = AuditQuery { limit: Some(LATEST), ..AuditQuery::default() };
    // At the same time, so that a service that hangs takes the time of one part only.
    let (view, metrics, server, latest) = futures::join!(
        api.overview(NoInput {}),
        metrics::read(api, courses, range, now),
        api.show_server(NoInput {}),
        api.list_audit(audit)
    );
    let view = view.map_err(|error| fault(&error, "auth"))?;
    let gateway = server.ok().and_then(|server| server.host.or(server.found_address)).unwrap_or_default();
    let devices = LANES.map(|lane| devices_of(&metrics, lane));
    let lanes = figures(&view, &metrics, &gateway, devices);
    let machine = machine(&metrics);
    let course =
        |state: &str| sum(LANES.iter().chain(&["none"]).map(|lane| metrics.range.get(&sessions_metric(state, lane))));
    let numbers = view.sessions;
    let services: Vec<_> =
        view.services.iter().flat_map(|view| &view.services).map(|one| service(one, now, &metrics)).collect();
    Ok(Overview {
        as_of: now,
        attention: attention(&view, &services, machine.as_ref(), devices),
        online: Count { now: numbers.map(|numbers| u64::from(numbers.online)), course: course("online") },
        offline: Count { now: numbers.map(|numbers| u64::from(numbers.offline)), course: course("offline") },
        slots: numbers.map(|numbers| (u64::from(numbers.leased), u64::from(numbers.slots))),
        connects: metrics.count(|of| scaled(sum(starting(of, "tornado_connects_per_second{")), 60.0)),
        lanes,
        from: now - span(range).0,
        machine,
        services,
        dependencies: dependencies(&view, &metrics),
        latest: latest.map(|list| list.items.into_iter().map(event).collect()).unwrap_or_default(),
    })
}

fn devices_of(metrics: &Measured, lane: &str) -> Option<u64> {
    let of = |state| metrics.now(&sessions_metric(state, lane));
    let (online, offline) = (of("online")?, of("offline")?);
    Some((online + offline).max(0.0).round() as u64)
}

fn figures(view: &View, metrics: &Measured, gateway: &str, devices: [Option<u64>; 2]) -> Vec<LaneFigures> {
    let bits = |direction: &str, lane: &str| {
        let name = lane_metric(direction, lane);
        metrics.course(|of| of.get(&name).map(|values| scaled(values.clone(), BITS)).unwrap_or_default())
    };
    let lane = |lane: Lane, passage, since_s, devices| {
        let (course, down) = bits("sent", lane.word());
        LaneFigures {
            lane,
            passage,
            since_s,
            devices,
            gateway: gateway.to_owned(),
            exit_countries: None,
            down,
            up: bits("received", lane.word()).1,
            course,
        }
    };
    let mut all = Vec::new();
    if let Some(lanes) = &view.lanes {
        let is_up = lanes.lanes.iter().any(|one| one.lane == "direct" && one.up);
        let passage = if is_up { Gate::Open } else { Gate::Closed };
        all.push(lane(Lane::Direct, passage, None, devices[0]));
    }
    if let Some(tor) = &view.tor {
        let since = Some(age(view.now, tor.lane_since));
        all.push(lane(Lane::Tor, gate(tor.lane), since, devices[1]));
    }
    all
}

fn machine(metrics: &Measured) -> Option<Machine> {
    metrics.now("tornado_host_cpu_ratio")?;
    let of = |metrics: &Metrics, name: &str| metrics.get(name).cloned().unwrap_or_default();
    let used = |available: Values, total: Option<f64>| -> Values {
        available.into_iter().map(|free| Some((total? - free?).max(0.0))).collect()
    };
    let total = metrics.now("tornado_host_memory_total_bytes");
    let mut names = metrics.live.keys().chain(metrics.range.keys());
    let labels = names.find_map(|name| name.strip_prefix("tornado_host_disk_total_bytes"));
    let disk = |name: &str| format!("tornado_host_disk_{name}_bytes{}", labels.unwrap_or_default());
    let (disk_total, disk_free) = (metrics.now(&disk("total")), disk("available"));
    Some(Machine {
        memory: total.map(|bytes| bytes as u64),
        cpu: metrics.count(|values| scaled(of(values, "tornado_host_cpu_ratio"), 100.0)),
        memory_used: metrics.count(|values| used(of(values, "tornado_host_memory_available_bytes"), total)),
        interfaces: interfaces(metrics),
        disk_used: metrics.count(|values| used(of(values, &disk_free), disk_total)),
        disk: disk_total.map(|bytes| bytes as u64),
    })
}

/// Network interfaces of the machine: first those that the lanes use as their uplink, then the lanes' own.
fn interfaces(metrics: &Measured) -> Vec<Interface> {
    let metric =
        |direction: &str, name: &str| format!("tornado_host_network_{direction}_bytes_per_second{{interface={name}}}");
    let name_of = |metric: &String| {
        let rest = metric.strip_prefix("tornado_host_network_received_bytes_per_second{interface=")?;
        rest.strip_suffix('}').map(str::to_owned)
    };
    let names: BTreeSet<String> = metrics.range.keys().chain(metrics.live.keys()).filter_map(name_of).collect();
    let is_own = |name: &str| ["wg", "tor", "tornado"].iter().any(|own| name.starts_with(own));
    let mut names: Vec<_> = names.into_iter().filter(|name| name != "lo").collect();
    names.sort_by_key(|name| is_own(name));
    let rate = |direction: &str, name: &str| {
        let metric = metric(direction, name);
        metrics.count(|of| of.get(&metric).map(|values| scaled(values.clone(), BITS)).unwrap_or_default())
    };
    names
        .into_iter()
        .take(INTERFACES)
        .map(|name| Interface { received: rate("received", &name), sent: rate("sent", &name), name })
        .collect()
}

fn dependencies(view: &View, metrics: &Measured) -> Vec<Dependency> {
    let mut all = Vec::new();
    for (data, part) in DATA {
        let of = |metric: &str| {
            let has = format!("data={data}");
            let is_of = |name: &str| name.starts_with(metric) && name.contains(&has);
            metrics.course(|of| sum(of.iter().filter(|(name, _)| is_of(name)).map(|(_, values)| Some(values)))).1
        };
        if let Some(up) = of("tornado_database_up{") {
            let latency_ms = of("tornado_database_latency_seconds_mean{").map(|seconds| seconds * 1000.0);
            let condition = if up > 0.5 { Condition::Good } else { Condition::Broken };
            all.push(Dependency { part, condition, latency_ms });
        }
    }
    if let Some(probe) = view.tor.as_ref().and_then(|tor| tor.probe.as_ref()) {
        let condition = if probe.ok { Condition::Good } else { Condition::Broken };
        all.push(Dependency { part: Part::TorNetwork, condition, latency_ms: Some(probe.took_ms as f64) });
    }
    if let Some(lanes) = &view.lanes {
        for (part, is_good) in [(Part::Canary, lanes.canary.healthy), (Part::Firewall, lanes.firewall_verified)] {
            let condition = if is_good { Condition::Good } else { Condition::Broken };
            all.push(Dependency { part, condition, latency_ms: None });
        }
    }
    all
}

/// What an operator has to act on, most urgent first.
fn attention(
    view: &View,
    services: &[Service],
    machine: Option<&Machine>,
    devices: [Option<u64>; 2],
) -> Vec<Attention> {
    let mut all = Vec::new();
    if let Some(lanes) = &view.lanes {
        if !lanes.firewall_verified {
            all.push(Attention::Firewall);
        }
        if !lanes.canary.healthy && lanes.canary.last_run.is_some() {
            all.push(Attention::Canary);
        }
        if lanes.lanes.iter().any(|one| one.lane == "direct" && !one.up) {
            all.push(Attention::Lane { lane: Lane::Direct, devices: devices[0] });
        }
    }
    let is_shut = |tor: &TorView| tor.lane != LaneState::Open && tor.desired.is_none_or(|desired| desired.lane);
    if view.tor.as_ref().is_some_and(is_shut) {
        all.push(Attention::Lane { lane: Lane::Tor, devices: devices[1] });
    }
    for service in services.iter().filter(|one| one.is_desired && one.condition != Condition::Good) {
        let (name, condition, reason) = (service.name.clone(), service.condition, service.reason.clone());
        all.push(Attention::Service { name, condition, reason });
    }
    for part in &view.missing {
        all.push(Attention::Missing { service: part.service.clone(), reason: part.reason.clone() });
    }
    let used = machine.and_then(|machine| machine.disk_used.now.zip(machine.disk));
    if let Some((used, total)) = used.filter(|(_, total)| *total > 0) {
        let percent = used.saturating_mul(100) / total;
        if percent >= FULL_DISK {
            all.push(Attention::Disk { percent });
        }
    }
    all
}

/// State of an outcome, as the audit trail stores it.
pub fn outcome(word: &str) -> Condition {
    match word {
        "done" => Condition::Good,
        "refused" => Condition::Shut,
        _ => Condition::Broken,
    }
}

fn event(row: AuditView) -> Event {
    Event {
        at: row.at,
        condition: outcome(&row.outcome),
        text: format!("{} {}", row.action, row.subject),
        detail: row.actor,
    }
}

/// Live sessions of a lane, if they can be counted.
pub async fn devices_on(api: &dyn AdminApi, lane: types::Lane) -> Option<u64> {
    let query = SessionsQuery { lane: Some(lane), limit: Some(1000), ..SessionsQuery::default() };
    let list = api.list_sessions(query).await.ok()?;
    list.next.is_none().then_some(list.items.len() as u64)
}
