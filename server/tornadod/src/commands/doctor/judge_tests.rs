//! Each wrong fact leads to its finding and to no other.

use super::facts::{
    Certificate, Clock, Database, Disk, Drops, Facts, FileFact, Holder, Host, LogFacts, OpenUser, Port, Route,
    SecretFact, Socket,
};
use super::finding::{Finding, Severity};
use super::judge::judge;
use tornado_contracts::ServiceName;
use tornado_contracts::engines::{EngineKind, EnginePart, EngineStatus};
use tornado_contracts::master::{Actual, MasterStatus, ServiceStatus, Wanted};
use tornado_contracts::telemetry::logs::LogStatus;

const NOW: i64 = 1_800_000_000;

fn route(net: &str, interface: &str) -> Route {
    Route { net: net.parse().unwrap(), interface: interface.into() }
}

/// The facts of a healthy machine on which the server runs.
fn well() -> Facts {
    let port = |protocol, number, what| Port {
        protocol,
        number,
        what,
        holder: Holder::Process { name: "tornadod".into(), pid: 7 },
    };
    Facts {
        is_root: true,
        now: NOW,
        host: Host { name: "vpn.example.org".into(), is_configured: true, resolved: Some(vec![[192, 0, 2, 1].into()]) },
        ports: vec![port("udp", 51820, "direct"), port("tcp", 4605, "api")],
        nft: Some(Ok("nftables v1.0.6 (Lester Gooch #5)".into())),
        tor: Some(Ok("Tor version 0.4.8.12.".into())),
        tun: true,
        routes: vec![route("0.0.0.0/0", "eth0"), route("::/0", "eth0"), route("192.0.2.0/24", "eth0")],
        pools: vec![("direct", "10.8.0.0/16".parse().unwrap()), ("tor", "10.9.0.0/16".parse().unwrap())],
        clock: Clock { synchronised: Some(true), newest_file: Some(NOW - 5) },
        disks: vec![disk(50 << 30)],
        databases: vec![Database { path: "/db".into(), check: Ok(Vec::new()), is_newer: false }],
        master: Some(status(Actual::Ready)),
        logs: Some(LogFacts { status: LogStatus::default(), budget: 4_000_000_000, free: Some(50 << 30) }),
        ..Facts::default()
    }
}

fn disk(free_bytes: u64) -> Disk {
    Disk {
        path: "/var/lib/tornado".into(),
        free_bytes,
        free_files: Some(100_000),
        is_read_only: false,
        cure_read_only: String::new(),
    }
}

fn status(actual: Actual) -> MasterStatus {
    let service = ServiceStatus {
        name: ServiceName::Wg,
        wanted: Wanted::Running,
        actual,
        pid: Some(7),
        started_at: Some(NOW - 100),
        restarts: 0,
        memory_bytes: None,
    };
    MasterStatus { version: "1".into(), started_at: NOW - 100, ready: true, services: vec![service] }
}

fn codes(facts: &Facts) -> Vec<&'static str> {
    judge(facts).iter().map(|finding: &Finding| finding.code).collect()
}

/// The findings if one fact of a healthy machine is changed.
fn after(change: impl FnOnce(&mut Facts)) -> Vec<&'static str> {
    let mut facts = well();
    change(&mut facts);
    codes(&facts)
}

#[test]
fn nothing_is_wrong() {
    assert!(judge(&well()).is_empty(), "{:?}", judge(&well()));
}

#[test]
fn rights_and_configuration() {
    assert_eq!(after(|f| f.is_root = false), ["not_root"]);
    assert_eq!(after(|f| f.missing_users = vec!["tornado-wg"]), ["users_missing"]);
    assert_eq!(after(|f| f.config_error = Some("x".into())), ["config_bad"]);
    assert_eq!(after(|f| f.host.resolved = Some(Vec::new())), ["host_unresolved"]);
    let detected = |name: &str| Host { name: name.into(), is_configured: false, resolved: None };
    assert_eq!(after(|f| f.host = detected("")), ["host_unknown"]);
    assert_eq!(after(|f| f.host = detected("10.0.0.4")), ["host_private"]);
    assert_eq!(after(|f| f.host = detected("100.64.1.1")), ["host_private"]);
    assert!(after(|f| f.host = detected("203.0.113.10")).is_empty());
}

#[test]
fn what_others_have_under_our_names() {
    assert_eq!(after(|f| f.foreign_tables = vec!["tornado".into()]), ["table_foreign"]);
    let severity = |uid| {
        let mut facts = well();
        facts.open_users = vec![OpenUser { name: "tornado-wg".into(), uid, shell: "/bin/bash".into() }];
        judge(&facts).iter().map(|finding| (finding.code, finding.severity)).collect::<Vec<_>>()
    };
    assert_eq!(severity(1000), [("user_foreign", Severity::Warning)]);
    assert_eq!(severity(0), [("user_foreign", Severity::Error)]);
}

#[test]
fn files_and_disks() {
    let file = |uid, mode| FileFact { path: "/k".into(), uid, wanted_uid: 5, mode, allowed: 0o700 };
    assert_eq!(after(|f| f.files = vec![file(0, 0o600)]), ["file_owner"]);
    assert_eq!(after(|f| f.files = vec![file(5, 0o640)]), ["file_mode"]);
    assert_eq!(after(|f| f.disks = vec![disk(1 << 20)]), ["disk_full"]);
    assert_eq!(after(|f| f.disks = vec![disk(500 << 20)]), ["disk_short"]);
    assert_eq!(after(|f| f.disks[0].free_files = Some(3)), ["disk_full"]);
    assert_eq!(after(|f| f.disks[0].is_read_only = true), ["disk_read_only"]);
}

#[test]
fn who_has_the_ports() {
    let other = || Holder::Process { name: "wg-quick".into(), pid: 9 };
    assert_eq!(after(|f| f.ports[0].holder = other()), ["port_taken"]);
    assert_eq!(after(|f| f.ports[0].holder = Holder::Nobody), ["port_silent"]);
    assert!(after(|f| f.ports[0].holder = Holder::Unknown).is_empty(), "WireGuard in the kernel holds the port");
    let stopped = |holder| {
        after(|f| {
            f.master = None;
            f.ports[0].holder = holder;
        })
    };
    assert_eq!(stopped(Holder::Nobody), ["server_down"]);
    assert_eq!(stopped(Holder::Unknown), ["port_taken", "server_down"]);
}

#[test]
fn who_is_not_root_accuses_nobody_of_what_cannot_be_seen() {
    let found = after(|f| {
        f.is_root = false;
        f.master = None;
        f.ports.iter_mut().for_each(|port| port.holder = Holder::Unknown);
        f.sockets = vec![("/run/x.sock".into(), Socket::Answers)];
    });
    assert_eq!(found, ["not_root"]);
}

#[test]
fn programs_and_kernel() {
    assert_eq!(after(|f| f.nft = Some(Err("No such file".into()))), ["nft_missing"]);
    assert_eq!(after(|f| f.nft = Some(Ok("nftables v0.9.8".into()))), ["nft_old"]);
    assert_eq!(after(|f| f.nft_refused = Some("Operation not permitted".into())), ["nf_tables"]);
    assert_eq!(after(|f| f.tor = Some(Err("No such file".into()))), ["tor_missing"]);
    assert_eq!(after(|f| f.tor = Some(Ok("Tor version 0.4.5.16.".into()))), ["tor_old"]);
    assert_eq!(after(|f| f.tun = false), ["tun_absent"]);
    assert_eq!(after(|f| f.needs_kernel = true), ["wireguard_absent"]);
    assert!(after(|f| (f.tun, f.kernel_wireguard) = (false, true)).is_empty());
}

#[test]
fn the_network() {
    assert_eq!(after(|f| f.forwarding_off = vec!["net/ipv4/conf/wg0/forwarding".into()]), ["forwarding_off"]);
    let read_only = |off: &[&str]| {
        let mut facts = well();
        facts.is_sysctl_read_only = true;
        facts.forwarding_off = off.iter().map(|&key| key.to_owned()).collect();
        judge(&facts).iter().map(|finding| (finding.code, finding.severity)).collect::<Vec<_>>()
    };
    assert_eq!(read_only(&[]), [("sysctl_read_only", Severity::Note)]);
    assert_eq!(read_only(&["net/ipv6/conf/all/forwarding"]), [("sysctl_read_only", Severity::Error)]);
    let chain = Drops { family: "ip".into(), table: "filter".into(), chain: "FORWARD".into(), hook: "forward".into() };
    assert_eq!(after(|f| f.drops = vec![chain]), ["firewall_drops"]);
    assert_eq!(after(|f| f.routes.push(route("10.8.0.0/24", "tun5"))), ["pool_overlap"]);
    let overlaps = |nets: &[&str]| {
        let mut facts = well();
        facts.routes.extend(nets.iter().map(|net| route(net, "eth1")));
        let found = judge(&facts);
        assert!(found.iter().all(|finding| finding.code == "pool_overlap"), "{found:?}");
        found.iter().map(|finding| finding.severity).collect::<Vec<_>>()
    };
    // The lane's own route is more specific, so no packet takes the other one.
    assert_eq!(overlaps(&["10.0.0.0/8"]), [Severity::Note, Severity::Note]);
    assert_eq!(overlaps(&["10.8.0.0/16"]), [Severity::Error]);
    assert_eq!(overlaps(&["10.0.0.0/8", "10.9.3.0/24"]), [Severity::Error, Severity::Note]);
    // Two halves of the whole address space, as another VPN sets them, overlap all pools but do not affect a more
    // specific route.
    assert!(after(|f| f.routes.push(route("0.0.0.0/1", "tun5"))).is_empty());
    assert_eq!(after(|f| f.routes.push(route("172.17.0.0/16", "docker0"))), ["networks_refused"]);
    assert_eq!(after(|f| f.routes.push(route("203.0.113.0/24", "eth1"))), ["networks_refused"]);
    assert_eq!(after(|f| f.routes.push(route("10.1.0.0/24", "eth0"))), ["networks_refused"]);
    let allowed = after(|f| {
        f.routes.push(route("10.1.0.0/24", "eth0"));
        f.allowed = vec!["10.0.0.0/8".parse().unwrap()];
    });
    assert_eq!(allowed, ["networks_allowed"]);
    assert_eq!(after(|f| f.routes.clear()), ["no_egress"]);
    assert_eq!(after(|f| f.routes.retain(|r| r.net.addr().is_ipv4())), ["no_egress_v6"]);
    assert_eq!(after(|f| f.routes.retain(|r| r.net.addr().is_ipv6())), ["no_egress_v4"]);
}

#[test]
fn time_and_databases() {
    assert_eq!(after(|f| f.now = 1_000_000_000), ["clock_wrong"]);
    assert_eq!(after(|f| f.clock.newest_file = Some(NOW + 3600)), ["clock_wrong"]);
    assert_eq!(after(|f| f.clock.synchronised = Some(false)), ["clock_free"]);
    assert!(after(|f| f.clock.synchronised = None).is_empty());
    assert_eq!(after(|f| f.databases[0].check = Err("not a database".into())), ["database_closed"]);
    assert_eq!(after(|f| f.databases[0].check = Ok(vec!["row 1 missing".into()])), ["database_damaged"]);
    assert_eq!(after(|f| f.databases[0].is_newer = true), ["database_newer"]);
    assert_eq!(after(|f| f.key_problems = vec!["x".into()]), ["keys_unsound"]);
}

#[test]
fn engines_and_what_lets_in() {
    let with = |engine, answer: Result<String, String>, millis| {
        let mut status = EngineStatus::unknown(EnginePart::Sessions, engine, NOW);
        status.note(answer, std::time::Duration::from_millis(millis), NOW);
        after(|f| f.engines = vec![status])
    };
    for (engine, code) in [
        (EngineKind::Postgres, "postgres_away"),
        (EngineKind::Redis, "redis_away"),
        (EngineKind::Sqlite, "engine_stuck"),
    ] {
        assert_eq!(with(engine, Err("refused".into()), 1), [code]);
        assert!(with(engine, Ok("15".into()), 1).is_empty());
    }
    assert_eq!(with(EngineKind::Postgres, Ok("15".into()), 400), ["engine_slow"]);
    let never = EngineStatus::unknown(EnginePart::Live, EngineKind::Redis, NOW);
    assert!(after(|f| f.engines = vec![never]).is_empty(), "the engine was not checked yet");
    let secret = SecretFact { path: "/s".into(), group: "tornado-auth", why: "mode".into() };
    assert_eq!(after(|f| f.secrets = vec![secret]), ["secret_unusable"]);
    assert_eq!(after(|f| f.unreadable = Some(("/c".into(), "mode".into()))), ["config_unreadable"]);
}

#[test]
fn certificates() {
    let with = |validity| after(|f| f.certificate = Some(Certificate { path: "/c".into(), validity }));
    assert!(with(Ok((NOW - 5, NOW + 90 * 86_400))).is_empty());
    assert_eq!(with(Ok((NOW - 5, NOW + 5 * 86_400))), ["certificate_ends"]);
    assert_eq!(with(Ok((NOW - 500, NOW))), ["certificate_expired"]);
    assert_eq!(with(Ok((NOW + 500, NOW + 900))), ["certificate_early"]);
    assert_eq!(with(Err("no key".into())), ["certificate_bad"]);
}

#[test]
fn sockets_of_a_server_that_is_away() {
    let with = |state| {
        after(|f| {
            f.master = None;
            f.sockets = vec![("/run/x.sock".into(), state)];
        })
    };
    assert_eq!(with(Socket::Stale), ["server_down", "socket_stale"]);
    assert_eq!(with(Socket::Answers), ["supervisor_gone"]);
    assert_eq!(with(Socket::Foreign), ["socket_foreign", "server_down"]);
    assert!(after(|f| f.sockets = vec![("/run/x.sock".into(), Socket::Answers)]).is_empty());
}

#[test]
fn services_and_the_order() {
    let loops = || Actual::CrashLoop { reason: "no key".into() };
    assert_eq!(after(|f| f.master = Some(status(loops()))), ["service_not_ready"]);
    let mut facts = well();
    facts.routes.retain(|route| route.net.addr().is_ipv4());
    facts.clock.synchronised = Some(false);
    facts.master = Some(status(loops()));
    let severities: Vec<_> = judge(&facts).iter().map(|finding| finding.severity).collect();
    assert_eq!(severities, [Severity::Error, Severity::Warning, Severity::Note]);
}

#[test]
fn logs_that_are_late_lost_or_too_large() {
    let with = |status: LogStatus| after(|f| f.logs = Some(LogFacts { status, ..f.logs.clone().unwrap() }));
    assert!(with(LogStatus { behind: 1 << 20, failed_writes: 0, ..LogStatus::default() }).is_empty());
    assert_eq!(with(LogStatus { behind: 100 << 20, ..LogStatus::default() }), ["telemetry_behind"]);
    assert_eq!(with(LogStatus { behind: 1, failed_writes: 1, ..LogStatus::default() }), ["logs_unwritten"]);
    assert!(with(LogStatus { failed_writes: 1, ..LogStatus::default() }).is_empty(), "stored since");
    assert_eq!(with(LogStatus { missing: 1, ..LogStatus::default() }), ["logs_missing"]);
    assert_eq!(with(LogStatus { damaged_days: 1, ..LogStatus::default() }), ["logs_missing"]);
    assert_eq!(with(LogStatus { clock_jumps: 1, ..LogStatus::default() }), ["clock_jumps"]);
    let free = |free| after(|f| f.logs.as_mut().unwrap().free = Some(free));
    assert_eq!(free(1 << 30), ["logs_budget"]);
    assert!(free(4_000_000_000).is_empty());
    assert!(free(1 << 20).is_empty(), "the disk itself is reported");
}
