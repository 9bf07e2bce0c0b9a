//! The overview, the services, and what the frame of all pages shows.

use crate::caller::fault;
use crate::memory::courses::{Courses, Metrics, latest, span, sum};
use tornado_admin_api::types::{
    AuditQuery, AuditView, LaneState, NoInput, Overview as View, ServiceView, SessionsQuery, TorView, UsersQuery,
};
use tornado_admin_api::{AdminApi, types};
use tornado_admin_ui::model::overview::{
    Attention, Count, Dependency, Event, Gate, LaneFigures, Machine, Overview, Part, Range, Service,
};
use tornado_admin_ui::model::{Condition, Fault, Lane, Role, Values, Viewer};

/// Part of a disk from which on an operator should act, in percent.
const FULL_DISK: u64 = 80;
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
    let (services, sessions, now) = match view {
        Ok(view) => (view.services, view.sessions, view.now),
        // Figures beside the menu, which works without them.
        Err(_) => (None, None, 0),
    };
    let services = services.as_ref();
    let is_not_ready = |service: &&ServiceView| service.desired && condition(service) != Condition::Good;
    Ok(Viewer {
        name: standing.operator.name,
        role: role(standing.operator.role),
        host: server.ok().and_then(|server| server.host.or(server.found_address)).unwrap_or_default(),
        version: services.map(|services| services.version.clone()).unwrap_or_default(),
        up_s: services.map(|services| age(now, services.started_at)).unwrap_or_default(),
        sessions: sessions.map(|numbers| u64::from(numbers.online) + u64::from(numbers.offline)),
        users: users.ok().and_then(|list| list.total),
        services_not_ready: services.map_or(0, |services| services.services.iter().filter(is_not_ready).count() as u64),
        rights: standing.rights,
        csrf,
    })
}

/// Seconds from `then` to `now`; 0 if a clock was set.
pub fn age(now: i64, then: i64) -> u64 {
    u64::try_from(now - then).unwrap_or(0)
}

/// How a service is.
pub fn condition(service: &ServiceView) -> Condition {
    match service.state.as_str() {
        "ready" => Condition::Good,
        "degraded" => Condition::Degraded,
        "starting" | "waiting" | "stopping" => Condition::Pending,
        "stopped" if !service.desired => Condition::Stopped,
        _ => Condition::Broken,
    }
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

fn cpu_metric(service: &str) -> String {
    format!("process_cpu_seconds_per_second{{service={service}}}")
}

/// Names of the metrics of the overview. Those with labels that differ between machines are found by their start.
async fn metric_names(api: &dyn AdminApi) -> Vec<String> {
    let starts = [
        "tornado_sessions{",
        "tornado_lane_sent_bytes_per_second{",
        "tornado_lane_received_bytes_per_second{",
        "tornado_connects_per_second{",
        "tornado_host_cpu_ratio",
        "tornado_host_memory_",
        "tornado_host_network_received_bytes_per_second{",
        "tornado_host_network_sent_bytes_per_second{",
        "tornado_host_disk_total_bytes{",
        "tornado_host_disk_available_bytes{",
        "tornado_database_up{",
        "tornado_database_latency_seconds_mean{",
        "process_cpu_seconds_per_second{",
    ];
    let all = api.list_metrics(NoInput {}).await.map(|list| list.items).unwrap_or_default();
    all.into_iter().filter(|name| starts.iter().any(|start| name.starts_with(start))).take(100).collect()
}

/// The metrics of the charts; none while `telemetry` does not respond.
async fn metrics(api: &dyn AdminApi, courses: &Courses, range: Range, now: i64) -> Metrics {
    let names = metric_names(api).await;
    courses.read(api, &names, range, now).await.unwrap_or_default()
}

fn starting<'a>(metrics: &'a Metrics, start: &'a str) -> impl Iterator<Item = Option<&'a Values>> + 'a {
    metrics.iter().filter(move |(name, _)| name.starts_with(start)).map(|(_, values)| Some(values))
}

fn scaled(values: Values, factor: f64) -> Values {
    values.into_iter().map(|value| value.map(|value| value * factor)).collect()
}

fn count(course: Values) -> Count {
    Count { now: latest(&course).map(|value| value.max(0.0).round() as u64), course }
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
        metrics(api, courses, range, now),
        api.show_server(NoInput {}),
        api.list_audit(audit)
    );
    let view = view.map_err(|error| fault(&error, "auth"))?;
    let gateway = server.ok().and_then(|server| server.host.or(server.found_address)).unwrap_or_default();
    let devices = LANES.map(|lane| latest_sum(&metrics, lane));
    let lanes = figures(&view, &metrics, &gateway, devices);
    let machine = machine(&metrics);
    let course =
        |state: &str| sum(LANES.iter().chain(&["none"]).map(|lane| metrics.get(&sessions_metric(state, lane))));
    let numbers = view.sessions;
    let services: Vec<_> =
        view.services.iter().flat_map(|view| &view.services).map(|one| service(one, now, &metrics)).collect();
    Ok(Overview {
        as_of: now,
        attention: attention(&view, &services, machine.as_ref(), devices),
        online: Count { now: numbers.map(|numbers| u64::from(numbers.online)), course: course("online") },
        offline: Count { now: numbers.map(|numbers| u64::from(numbers.offline)), course: course("offline") },
        slots: numbers.map(|numbers| (u64::from(numbers.leased), u64::from(numbers.slots))),
        connects: count(scaled(sum(starting(&metrics, "tornado_connects_per_second{")), 60.0)),
        lanes,
        from: now - span(range).0,
        machine,
        services,
        dependencies: dependencies(&view, &metrics),
        latest: latest.map(|list| list.items.into_iter().map(event).collect()).unwrap_or_default(),
    })
}

fn latest_sum(metrics: &Metrics, lane: &str) -> Option<u64> {
    let of = |state| metrics.get(&sessions_metric(state, lane)).and_then(|values| latest(values));
    let (online, offline) = (of("online")?, of("offline")?);
    Some((online + offline).max(0.0).round() as u64)
}

fn figures(view: &View, metrics: &Metrics, gateway: &str, devices: [Option<u64>; 2]) -> Vec<LaneFigures> {
    let bits = |direction: &str, lane: &str| {
        metrics.get(&lane_metric(direction, lane)).map(|values| scaled(values.clone(), 8.0)).unwrap_or_default()
    };
    let lane = |lane: Lane, passage, since_s, devices| {
        let down = bits("sent", lane.word());
        LaneFigures {
            lane,
            passage,
            since_s,
            devices,
            gateway: gateway.to_owned(),
            exit_countries: None,
            down: latest(&down),
            up: latest(&bits("received", lane.word())),
            course: down,
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

fn machine(metrics: &Metrics) -> Option<Machine> {
    let of = |name: &str| metrics.get(name).cloned().unwrap_or_default();
    let cpu = of("tornado_host_cpu_ratio");
    latest(&cpu)?;
    let total = latest(&of("tornado_host_memory_total_bytes"));
    let used = |available: Values, total: Option<f64>| -> Values {
        available.into_iter().map(|free| Some((total? - free?).max(0.0))).collect()
    };
    let network = [
        "tornado_host_network_received_bytes_per_second{interface=",
        "tornado_host_network_sent_bytes_per_second{interface=",
    ];
    // Packets of lanes pass an interface of the lane and the uplink; only the latter counts.
    let is_uplink = |name: &str| {
        network.iter().any(|start| {
            name.strip_prefix(start)
                .is_some_and(|rest| !["lo}", "wg", "tor", "tornado"].iter().any(|own| rest.starts_with(own)))
        })
    };
    let network = sum(metrics.iter().filter(|(name, _)| is_uplink(name)).map(|(_, values)| Some(values)));
    let disk = metrics.keys().find_map(|name| name.strip_prefix("tornado_host_disk_total_bytes"));
    let disk_of =
        |name: &str| disk.map(|labels| of(&format!("tornado_host_disk_{name}_bytes{labels}"))).unwrap_or_default();
    let disk_total = latest(&disk_of("total"));
    Some(Machine {
        memory: total.map(|bytes| bytes as u64),
        cpu: count(scaled(cpu, 100.0)),
        memory_used: count(used(of("tornado_host_memory_available_bytes"), total)),
        network: count(scaled(network, 8.0)),
        disk_used: count(used(disk_of("available"), disk_total)),
        disk: disk_total.map(|bytes| bytes as u64),
    })
}

fn service(view: &ServiceView, now: i64, metrics: &Metrics) -> Service {
    let cpu = metrics.get(&cpu_metric(&view.name)).map(|values| scaled(values.clone(), 100.0)).unwrap_or_default();
    let reason = match (&view.reason, view.retry_in_ms) {
        (Some(reason), _) => reason.clone(),
        (None, _) if condition(view) == Condition::Broken => view.state.replace('_', " "),
        (None, _) => String::new(),
    };
    Service {
        name: view.name.clone(),
        is_desired: view.desired,
        condition: condition(view),
        reason,
        up_s: view.started_at.map(|started| age(now, started)),
        restarts: u64::from(view.restarts),
        cpu: latest(&cpu),
        cpu_course: cpu,
        memory: view.memory_bytes,
    }
}

/// All services.
///
/// # Errors
///
/// The sign-in does not allow it, or `master` does not respond.
pub async fn services(api: &dyn AdminApi, courses: &Courses, now: i64) -> Result<Vec<Service>, Fault> {
    let (view, metrics) = futures::join!(api.list_services(NoInput {}), metrics(api, courses, Range::Hour, now));
    let view = view.map_err(|error| fault(&error, "master"))?;
    Ok(view.services.iter().map(|one| service(one, now, &metrics)).collect())
}

fn dependencies(view: &View, metrics: &Metrics) -> Vec<Dependency> {
    let mut all = Vec::new();
    for (data, part) in DATA {
        let of = |metric: &str| {
            let has = format!("data={data}");
            sum(metrics
                .iter()
                .filter(|(name, _)| name.starts_with(metric) && name.contains(&has))
                .map(|(_, v)| Some(v)))
        };
        if let Some(up) = latest(&of("tornado_database_up{")) {
            let latency_ms = latest(&of("tornado_database_latency_seconds_mean{")).map(|seconds| seconds * 1000.0);
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
