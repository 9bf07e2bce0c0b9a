//! What runs: the overview, services, the tor lane, how devices reach the server.

use super::{NOW, count, course};
use tornado_admin_ui::model::overview::{
    Attention, Dependency, Event, Gate, Interface, LaneFigures, Machine, Overview, Part, Service, Unit,
};
use tornado_admin_ui::model::set_up::{Reach, Reachability};
use tornado_admin_ui::model::tor::{Circuit, CountryTor, Probe, Tor};
use tornado_admin_ui::model::{Condition, Lane};

fn service(name: &str, condition: Condition, reason: &str, memory: u64) -> Service {
    Service {
        name: name.into(),
        is_desired: true,
        condition,
        reason: reason.into(),
        up_s: Some(1_051_200),
        restarts: 0,
        cpu: Some(0.4),
        cpu_course: course(0.4, 0.2),
        memory: Some(memory << 20),
    }
}

/// All services; one is degraded.
pub fn services() -> Vec<Service> {
    let degraded = "One of two upstreams has not responded since 14:11; names resolve through the other.";
    vec![
        service("master", Condition::Good, "", 9),
        service("auth", Condition::Good, "", 41),
        service("session", Condition::Good, "", 34),
        service("wg", Condition::Good, "", 29),
        service("tor", Condition::Good, "", 18),
        service("dns", Condition::Degraded, degraded, 16),
        service("client-api", Condition::Good, "", 19),
        service("admin", Condition::Good, "", 24),
        service("telemetry", Condition::Good, "", 38),
    ]
}

/// Units of systemd: one runs, one has failed, one may only be read.
pub fn units() -> Vec<Unit> {
    let unit = |name: &str, description: &str, condition, state: &str, is_controllable| Unit {
        name: name.into(),
        description: description.into(),
        condition,
        state: state.into(),
        up_s: (condition == Condition::Good).then_some(1_051_200),
        restarts: Some(0),
        memory: (condition == Condition::Good).then_some(21 << 20),
        is_controllable,
    };
    vec![
        unit("nginx.service", "A high performance web server", Condition::Good, "active (running)", true),
        unit("fstrim.timer", "Discard unused blocks once a week", Condition::Good, "active (waiting)", false),
        unit("unbound.service", "Unbound DNS server", Condition::Broken, "failed (failed)", true),
        unit("chrony.service", "", Condition::Absent, "not-found", false),
    ]
}

fn interface(name: &str, received: u64) -> Interface {
    let rate = |now: u64| count(now, now as f64 / 5.0);
    Interface { name: name.into(), received: rate(received), sent: rate(received / 4) }
}

fn events() -> Vec<Event> {
    let event = |ago, condition, text: &str, detail: &str| Event {
        at: NOW - ago,
        condition,
        text: text.into(),
        detail: detail.into(),
    };
    vec![
        event(16, Condition::Good, "session.close demo-lynx", "operator:ops-amelia"),
        event(121, Condition::Good, "invitation.create", "operator:ops-bruno"),
        event(204, Condition::Shut, "operator.remove ops-clara", "operator:ops-bruno"),
        event(1248, Condition::Good, "keys.rotate", "service:master"),
    ]
}

/// The overview, with this number of devices that are online.
pub fn overview(online: u64) -> Overview {
    let lane = |lane, devices, down, up| LaneFigures {
        lane,
        passage: Gate::Open,
        since_s: Some(273_600),
        devices: Some(devices),
        gateway: "198.51.100.7".into(),
        exit_countries: Some(54),
        down: Some(down),
        up: Some(up),
        course: course(down, down / 3.0),
    };
    let parts = [
        (Part::Identity, Some(0.2)),
        (Part::Sessions, Some(0.3)),
        (Part::Live, Some(0.1)),
        (Part::TorNetwork, Some(412.0)),
        (Part::Canary, None),
        (Part::Firewall, None),
    ];
    Overview {
        as_of: NOW,
        attention: vec![
            Attention::Service {
                name: "dns".into(),
                condition: Condition::Degraded,
                reason: "One of two upstreams has not responded since 14:11.".into(),
            },
            Attention::Disk { percent: 84 },
            Attention::Lane { lane: Lane::Tor, devices: Some(87) },
        ],
        online: count(online, 90.0),
        offline: count(27, 8.0),
        slots: Some((345, 65_534)),
        connects: count(12, 5.0),
        lanes: vec![lane(Lane::Direct, 231, 412e6, 88e6), lane(Lane::Tor, 87, 61e6, 9e6)],
        from: NOW - 86_400,
        machine: Some(Machine {
            memory: Some(8 << 30),
            cpu: count(11, 4.0),
            memory_used: count(2_040_109_465, 1e8),
            interfaces: vec![interface("eth0", 1_140_000_000), interface("wg0", 412_000_000)],
            disk_used: count(36_077_725_286, 1e8),
            disk: Some(40 << 30),
        }),
        services: services(),
        dependencies: parts
            .map(|(part, latency_ms)| Dependency { part, condition: Condition::Good, latency_ms })
            .to_vec(),
        latest: events(),
    }
}

/// The tor lane in maintenance.
pub fn tor() -> Tor {
    let circuit = |id: &str, names: [&str; 3]| Circuit {
        id: id.into(),
        condition: Condition::Good,
        path: names.map(|name| (name.to_owned(), Some("de".to_owned()))).to_vec(),
        purpose: "GENERAL".into(),
    };
    Tor {
        gate: Gate::Maintenance,
        gate_reason: "operator_down".into(),
        since_s: Some(420),
        applied: Some(Gate::Maintenance),
        devices: Some(87),
        is_process_desired: true,
        is_lane_desired: false,
        process: Condition::Good,
        process_state: "running".into(),
        up_s: Some(273_600),
        bootstrap: (100, "Done".into()),
        probe: Some(Probe { is_ok: true, at: NOW - 9, took_ms: 412, detail: "se".into() }),
        is_canary_healthy: Some(true),
        version: Some("0.4.9.11".into()),
        streams: 214,
        traffic: (1_210_000_000_000, 96_000_000_000),
        circuits: Some(vec![
            circuit("1841", ["ExampleGuardOne", "InventedMiddleElm", "DemoExitNorth"]),
            circuit("1839", ["ExampleGuardOne", "SampleMiddleFir", "DemoExitAlder"]),
            circuit("1836", ["ExampleGuardTwo", "SampleMiddleOak", "TestExitQuartz"]),
        ]),
        exits: [("us", 398), ("de", 312), ("nl", 241), ("se", 96), ("fr", 88), ("ro", 61), ("ch", 57)]
            .map(|(country, count)| (country.into(), count))
            .to_vec(),
        countries: vec![
            CountryTor { country: "de".into(), condition: Condition::Good, percent: 100, is_used: true },
            CountryTor { country: "se".into(), condition: Condition::Pending, percent: 45, is_used: true },
        ],
        log: vec![
            "Nov 27 14:20:11 [notice] Heartbeat: Tor's uptime is 3 days 4:00 hours, with 7 circuits open".into(),
            "Nov 24 10:21:03 [notice] Bootstrapped 100% (done): Done".into(),
        ],
        streams_course: course(214.0, 60.0),
        bootstrap_course: (0..120).map(|step| (step > 20).then(|| f64::from((step - 20) * 5).min(100.0))).collect(),
        as_of: NOW,
    }
}

/// A server with a public address, whose Tor is still starting.
pub fn reachability() -> Reachability {
    Reachability {
        host: None,
        found_address: Some("198.51.100.7".into()),
        port: 4605,
        reach: Reach::Public,
        tor: Some((75, "loading relays".into())),
    }
}
