//! What the tor lane keeps apart, and how it handles names: circuits of devices and sessions, an address that moves
//! from one device to another, and every kind of name.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]
#![expect(clippy::print_stdout, reason = "the runner shows measurements")]

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tornado_e2e_harness::{
    DeviceProc, Host, INTERNET, Output, SITE, SITE_V4, SITE_V6, TorNetworkOptions, patient, wait_for,
};
use tornado_e2e_tor::circuits::Watch;
use tornado_e2e_tor::egress::Egress;
use tornado_e2e_tor::load::{self, Outcome};
use tornado_e2e_tor::names::{self, RESOLVER, Reply, code, kind};
use tornado_e2e_tor::steady::{self, Steady};
use tornado_e2e_tor::world::{PATIENCE, TorWorld};

/// Addresses for four devices, so that the fifth device gets one that another had.
const POOL: &str = "\n[lanes.pools]\ndirect = { v4 = \"10.8.0.0/16\", v6 = \"fd74:6f72:6e61:8::/64\" }\n\
    tor = { v4 = \"10.9.0.0/29\", v6 = \"fd74:6f72:6e61:9::/64\" }\n[session]\nquarantine = 0\n";
/// Time limit for a response that needs nothing beyond the lane.
const AT_ONCE: Duration = Duration::from_secs(1);

#[test]
fn circuits_are_nobody_elses_and_names_are_truthful() {
    let lab = TorWorld::up_on(5, TorNetworkOptions::default(), |_, _| Ok(POOL.to_owned())).unwrap();
    let _steady = Steady::start(&lab.world.lab).unwrap();
    let four: Vec<DeviceProc> = (1..=4).map(|number| lab.on_the_tor_lane(number).unwrap()).collect();
    let fifth = lab.world.enrolled(5).unwrap();
    lab.wait_open().unwrap();
    let watch = Watch::start(&lab.world.server.state_dir().join("tor/sockets")).unwrap();
    let egress = Egress::watch(lab.world.lab.host("server").unwrap()).unwrap();

    a_new_identity_is_one_devices_alone(&watch, &four[0], &four[1]);
    an_address_passes_on_without_its_circuits(&lab, &watch, &four[3], &fifth);
    every_kind_of_name(&lab, four[2].host());
    programs_live_with_the_answers(&lab, four[2].host());
    onions_by_socks(&lab, &watch, &four[2]);

    let shared = watch.shared();
    assert!(shared.is_empty(), "circuits of more than one session: {shared:?}");
    egress.stop().unwrap().must_be_tor_only("devices and names");
    only_exits_asked(&lab);
    a_leak_check_sees_an_exit(&lab, &four[2]);
}

/// The device's own server is asked through Tor, and sees the relay that it also sees as the internet would.
fn a_leak_check_sees_an_exit(lab: &TorWorld, device: &DeviceProc) {
    let own = IpAddr::from(lab.world.lab.device_address(3).v4).to_string();
    let output = device.cli(&["leak-check", "--json"]).unwrap();
    let report: serde_json::Value = serde_json::from_str(output.stdout.trim()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!((&report["seen"][0]["path"], &report["outside"]), (&"tor".into(), &own.into()), "{report:#}");
    assert!(report["seen"][0]["address"].is_string(), "{report:#}");
}

fn a_new_identity_is_one_devices_alone(watch: &Watch, one: &DeviceProc, two: &DeviceProc) {
    carries(one.host());
    carries(two.host());
    let (first, second) = (source(watch, one.host()), source(watch, two.host()));
    assert_ne!(first, second);
    let (own, theirs) = (watch.circuits_of(first), watch.circuits_of(second));
    assert!(own.is_disjoint(&theirs), "{own:?} {theirs:?}");

    let mut running: Vec<TcpStream> = [one, two].map(|device| connect(device.host())).into();
    running.iter_mut().for_each(echoes);
    one.cli(&["new-identity"]).unwrap().success().unwrap();
    let renewed = source(watch, one.host());
    assert_ne!(renewed, first, "Tor still sees the previous identity");
    assert_eq!(source(watch, two.host()), second, "the other device's identity changed too");
    running.iter_mut().for_each(echoes);
    let (now, others) = (watch.circuits_of(renewed), watch.circuits_of(second));
    println!("new identity: {own:?}, then {now:?}; the other device {others:?}");
    assert!(now.is_disjoint(&watch.circuits_of(first)) && now.is_disjoint(&others));
    assert!(!now.is_empty() && others.is_superset(&theirs));
}

fn an_address_passes_on_without_its_circuits(lab: &TorWorld, watch: &Watch, a: &DeviceProc, b: &DeviceProc) {
    let (mut holder, mut next) = ((a, 4), (b, 5));
    let mut all: Vec<(IpAddr, BTreeSet<String>)> = Vec::new();
    let (mut held, _) = lab.leased(4).unwrap();
    for round in 0..4 {
        carries(holder.0.host());
        // Left open: the next device must not inherit it.
        let flow = connect(holder.0.host());
        let seen_as = source(watch, holder.0.host());
        assert!(all.iter().all(|(former, _)| *former != seen_as), "an identity was reused: {seen_as}");
        all.push((seen_as, watch.circuits_of(seen_as)));
        holder.0.cli(&["disconnect"]).unwrap().success().unwrap();
        next.0.cli(&["connect", "--lane", "tor"]).unwrap().success().unwrap();
        let (address, _) = lab.leased(next.1).unwrap();
        assert_eq!(address, held, "round {round}: the address was not reused");
        held = address;
        drop(flow);
        std::mem::swap(&mut holder, &mut next);
    }
    for (index, (_, circuits)) in all.iter().enumerate() {
        assert!(!circuits.is_empty());
        let others = all.iter().skip(index + 1);
        assert!(others.clone().all(|(_, other)| other.is_disjoint(circuits)), "{all:?}");
    }
    println!("{} reused {} times: {all:?}", held.0, all.len());
}

/// The lane does not invent answers that Tor cannot give, and every query gets a response.
fn every_kind_of_name(lab: &TorWorld, host: &Host) {
    let ask = |name: &str, of: u16| {
        let (reply, took) = host.enter(|| names::ask(name, of, Duration::from_secs(10)).unwrap()).unwrap();
        println!("{name} type {of}: {reply:?} after {took:?}");
        (reply, took)
    };
    let (v4, v6): (IpAddr, IpAddr) = (INTERNET.v4.into(), INTERNET.v6.into());
    assert_eq!(ask(SITE, kind::A).0.addresses(), [v4]);
    assert_eq!(ask(SITE, kind::AAAA).0.addresses(), [v6]);
    assert_eq!(ask(SITE_V4, kind::A).0.addresses(), [v4]);
    assert_eq!(ask(SITE_V6, kind::AAAA).0.addresses(), [v6]);
    for (name, of) in [(SITE_V4, kind::AAAA), (SITE_V6, kind::A)] {
        let (reply, _) = ask(name, of);
        assert_eq!(reply, Reply::Answer { code: code::NO_ERROR, records: Vec::new() }, "{name} must exist");
    }
    assert_eq!(ask("nowhere.test", kind::A).0.code(), Some(code::NO_NAME));
    assert!(matches!(ask(&names::reverse(INTERNET.v4), kind::PTR).0, Reply::Answer { .. }));
    for of in [kind::TXT, kind::MX, kind::HTTPS, kind::UNKNOWN] {
        let (reply, took) = ask(SITE, of);
        assert_eq!(reply.code(), Some(code::NOT_IMPLEMENTED), "type {of}");
        assert!(took < patient(AT_ONCE), "type {of} took {took:?}");
    }
    // Over TCP there is no resolver, and the device gets an error.
    let began = Instant::now();
    let refused = host.enter(|| TcpStream::connect_timeout(&RESOLVER, PATIENCE)).unwrap();
    assert!(refused.is_err() && began.elapsed() < patient(AT_ONCE), "{refused:?} after {:?}", began.elapsed());
    assert!(lab.network.queries().iter().all(|query| [kind::A, kind::AAAA, kind::PTR].contains(&query.kind)));
}

fn programs_live_with_the_answers(lab: &TorWorld, host: &Host) {
    let resolv = format!("/etc/netns/{}/resolv.conf", host.namespace());
    std::fs::write(resolv, format!("nameserver {}\n", RESOLVER.ip())).unwrap();
    for (name, is_v6) in [(SITE, false), (SITE_V4, false), (SITE_V6, true)] {
        let began = Instant::now();
        let found = host.exec(&["getent", "ahosts", name]).unwrap().stdout;
        let took = began.elapsed();
        assert!(took < patient(Duration::from_secs(3)), "{name}: {took:?}");
        assert!(found.contains(if is_v6 { "2001:db8:80::80" } else { "192.0.2.80" }), "{name}: {found}");
        let seen: IpAddr = curl(host, &[&format!("http://{name}/")]).success().unwrap().stdout.trim().parse().unwrap();
        assert!(is_exit(lab, seen) && seen.is_ipv6() == (is_v6 || seen.is_ipv6()), "{name}: seen as {seen}");
        println!("{name}: found within {took:?}, page from {seen}");
    }
    let missing = host.try_exec(&["getent", "ahosts", "nowhere.test"], PATIENCE).unwrap();
    assert!(!missing.ok());
    // Direct IPv6: TransPort accepts it, and exits with IPv6 carry it.
    let seen: IpAddr = curl(host, &["http://[2001:db8:80::80]/"]).success().unwrap().stdout.trim().parse().unwrap();
    assert!(seen.is_ipv6() && is_exit(lab, seen), "{seen}");
}

/// The SOCKS port of the lane: names of RFC 7686 for programs that do not look them up, and a separate circuit for each
/// username.
fn onions_by_socks(lab: &TorWorld, watch: &Watch, device: &DeviceProc) {
    let host = device.host();
    let before = watch.circuits_of(source(watch, host));
    let by = |user: &str, url: &str| curl(host, &["--socks5-hostname", &format!("{user}:x@10.9.0.1:9050"), url]);
    wait_for("the onion service's page", PATIENCE, || {
        let page = by("tab1", &format!("http://{}/", lab.network.onion_address()));
        Ok((page.ok() && page.stdout.trim() == "127.0.0.1").then_some(()))
    })
    .unwrap();
    let seen_as = source(watch, host);
    for user in ["tab1", "tab2"] {
        by(user, &format!("http://{SITE}/")).success().unwrap();
    }
    let after = watch.circuits_of(seen_as);
    assert!(after.len() >= before.len() + 2, "each username must have its own circuit: {before:?}, then {after:?}");
}

/// Fetches a page; returns the address under which Tor saw the client.
fn source(watch: &Watch, host: &Host) -> IpAddr {
    let mut stream = connect(host);
    echoes(&mut stream);
    watch.latest().unwrap()
}

fn connect(host: &Host) -> TcpStream {
    let to = SocketAddr::new(INTERNET.v4.into(), steady::PORT);
    let stream = host.enter(|| TcpStream::connect_timeout(&to, Duration::from_secs(20)).unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn echoes(stream: &mut TcpStream) {
    stream.write_all(b"still there?").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"still there?");
}

fn carries(host: &Host) {
    wait_for("a page through the lane", PATIENCE, || {
        let to = SocketAddr::new(INTERNET.v4.into(), 80);
        let outcome = host.enter(|| load::ask(to, Duration::from_secs(5)))?;
        Ok(matches!(outcome, Outcome::Page(_)).then_some(()))
    })
    .unwrap();
}

fn curl(host: &Host, words: &[&str]) -> Output {
    let all = [&["curl", "--silent", "--show-error", "--max-time", "20"], words].concat();
    host.try_exec(&all, Duration::from_secs(30)).unwrap()
}

fn is_exit(lab: &TorWorld, address: IpAddr) -> bool {
    lab.network.exits().any(|exit| address == exit.addresses.v4 || address == exit.addresses.v6)
}

/// Tor's resolver does not bind to the exit's own address; it sends queries from the first address of the exits' host.
fn only_exits_asked(lab: &TorWorld) {
    let is_exits = |from: IpAddr| is_exit(lab, from) || from == IpAddr::from(Ipv4Addr::new(198, 18, 0, 11));
    let strangers: Vec<_> = lab.network.queries().into_iter().filter(|query| !is_exits(query.from)).collect();
    assert!(strangers.is_empty(), "unexpected clients of the name server: {strangers:?}");
}
