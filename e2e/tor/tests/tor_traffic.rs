//! The tor lane from a device to a page: through Tor or nowhere, whatever the device sends and however the lane is
//! switched during the load. All tests share one network, because starting one is slow.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]
#![expect(clippy::print_stdout, reason = "the runner shows measurements")]

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tornado_contracts::wg::{TorLane, TorLaneReason};
use tornado_e2e_harness::{DeviceProc, Host, INTERNET, Output, SITE, patient, wait_for};
use tornado_e2e_lanes::raw;
use tornado_e2e_tor::control::{self, Stream};
use tornado_e2e_tor::egress::Egress;
use tornado_e2e_tor::load::{self, Hammer, Outcome};
use tornado_e2e_tor::world::{CANARY_INTERVAL, INTERFACE, PATIENCE, TorWorld};

/// A second address of `internet`, which makes Tor's streams of two devices distinguishable.
const ELSEWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 53)), 80);
/// An address without a resolver: queries sent to it never arrive there.
const RESOLVER: &str = "192.0.2.99";
/// Time limit of every request in a lane that is not open.
const AT_ONCE: Duration = Duration::from_secs(1);

#[test]
fn everything_goes_through_tor_or_nowhere() {
    let mut lab = TorWorld::up(2, |_| Ok(())).unwrap();
    let (one, two) = (lab.on_the_tor_lane(1).unwrap(), lab.on_the_tor_lane(2).unwrap());
    lab.wait_open().unwrap();
    lab.network.wait_onion(PATIENCE).unwrap();

    pages_by_address_by_name_and_onion_while_an_arsenal_is_fired(&lab, &one);
    devices_never_share_a_circuit(&lab, &one, &two);
    switches_under_load_leave_nothing_hanging(&lab, &one);
    a_planted_leak_shuts_the_lane(&lab, &one);
}

fn pages_by_address_by_name_and_onion_while_an_arsenal_is_fired(lab: &TorWorld, device: &DeviceProc) {
    let host = device.host();
    let egress = Egress::watch(lab.world.lab.host("server").unwrap()).unwrap();
    let load = Hammer::start(host, lab.world.internet.http_v4(), 2, Duration::from_secs(10));
    let (source, _) = lab.leased(1).unwrap();

    let seen = page(host, lab.world.internet.http_v4());
    assert!(is_exit(lab, seen), "by address: the server saw {seen}");
    use_resolver(lab, host);
    let by_name = curl(host, &["http://site.test/"]);
    let seen: IpAddr = by_name.success().unwrap().stdout.trim().parse().unwrap();
    assert!(is_exit(lab, seen), "by name: the server saw {seen}");
    assert!(lab.network.queries().iter().any(|query| query.name == SITE), "an exit must query the name");
    onion(lab, host);

    let packets = raw::arsenal(source, (INTERNET.v4, INTERNET.v6));
    let to_resolver = raw::arsenal(source, (RESOLVER.parse().unwrap(), "2001:db8:80::99".parse().unwrap()));
    let inside = host.capture(INTERFACE, "(ip or ip6) and not tcp").unwrap();
    let mut taken = 0;
    for _ in 0..20 {
        taken += host
            .enter(|| raw::send(INTERFACE, &packets).unwrap() + raw::send(INTERFACE, &to_resolver).unwrap())
            .unwrap();
        for echo in [lab.world.internet.echo_v4(), lab.world.internet.echo_v6()] {
            let answer = host.udp_ask(echo, b"hello", Duration::from_millis(50));
            assert!(!matches!(answer, Ok(Some(_))), "a UDP echo came through: {answer:?}");
        }
    }
    for words in [["ping", "-c1", "-W1", "192.0.2.80"], ["ping", "-c1", "-W1", "2001:db8:80::80"]] {
        assert!(
            !host.try_exec(&words, Duration::from_secs(5)).is_ok_and(|output| output.ok()),
            "{words:?} was answered"
        );
    }
    let fired = inside.stop().unwrap().count();
    assert!(fired >= taken / 2, "{fired} packets left the device, the kernel accepted {taken}");

    let requests = load.stop();
    println!("load: {}; {fired} crafted and similar packets", load::summary(&requests));
    let pages = requests.iter().filter(|request| matches!(request.outcome, Outcome::Page(_))).count();
    assert!(pages > 10, "too few pages were loaded: {}", load::summary(&requests));
    // A crafted datagram of four bytes to port 53 would crash a Tor that receives it.
    assert_eq!(lab.tor().unwrap().restarts, 0, "Tor must not crash");
    egress.stop().unwrap().must_be_tor_only("pages, names, onion, crafted packets");
    nobody_but_exits_was_seen(lab);
}

/// `.onion` names over the lane's DNS, as most programs use them, and over SOCKS, as programs that follow RFC 7686 do.
fn onion(lab: &TorWorld, host: &Host) {
    let name = lab.network.onion_address();
    let found = host.exec(&["getent", "ahostsv4", name]).unwrap().stdout;
    let address: IpAddr = found.split_whitespace().next().unwrap().parse().unwrap();
    let seen = wait_for("the onion service's page", PATIENCE, || Ok(host.http_get((address, 80).into(), "/").ok()));
    assert_eq!(seen.unwrap().seen_as().unwrap(), IpAddr::from([127, 0, 0, 1]));
    let by_socks = curl(host, &["--socks5-hostname", "10.9.0.1:9050", &format!("http://{name}/")]);
    assert_eq!(by_socks.success().unwrap().stdout.trim(), "127.0.0.1");
    assert!(lab.network.onion_seen().len() >= 2);
}

/// Streams of two devices, and of one before and after a new identity, held open so that Tor reports their circuits.
fn devices_never_share_a_circuit(lab: &TorWorld, one: &DeviceProc, two: &DeviceProc) {
    let here = lab.world.internet.http_v4();
    let first = connected(one.host(), here);
    let others = connected(two.host(), ELSEWHERE);
    let streams = lab_streams(lab, 2);
    let (own, theirs) = (circuits_to(&streams, here), circuits_to(&streams, ELSEWHERE));
    assert_eq!((own.len(), theirs.len()), (1, 1), "{streams:?}");
    assert_ne!(own, theirs, "two devices share a circuit: {streams:?}");

    let (_, device_id) = lab.leased(1).unwrap();
    let session = lab.world.server.mesh("session").within(Duration::from_secs(10));
    session.send("PUT", "/v1/identity", &serde_json::json!({ "device_id": device_id })).unwrap();
    let second = connected(one.host(), here);
    let streams = lab_streams(lab, 3);
    let after = circuits_to(&streams, here);
    assert_eq!(after.len(), 2, "{streams:?}");
    assert!(after.contains(&own[0]), "the running flow changed its circuit: {streams:?}");
    assert_ne!(after[0], after[1], "the new identity uses the same circuit: {streams:?}");
    assert!(!after.iter().any(|circuit| theirs.contains(circuit)), "{streams:?}");
    println!("circuits: device1 {own:?}, then {after:?}; device2 {theirs:?}");
    drop((first, others, second));
}

/// Operator commands while a device sends requests continuously.
fn switches_under_load_leave_nothing_hanging(lab: &TorWorld, device: &DeviceProc) {
    let host = device.host();
    let egress = Egress::watch(lab.world.lab.host("server").unwrap()).unwrap();
    let load = Hammer::start(host, lab.world.internet.http_v4(), 3, Duration::from_secs(10));
    // Intervals in which the lane was certainly closed in the kernel.
    let mut shut: Vec<(Instant, Instant)> = Vec::new();
    for round in 0..4 {
        lab.order("down").unwrap();
        lab.wait_maintenance().unwrap();
        let since = Instant::now();
        if round == 0 {
            maintenance_is_valid_http(host);
        }
        std::thread::sleep(Duration::from_millis(700));
        shut.push((since, Instant::now()));
        lab.order("up").unwrap();
        lab.wait_open().unwrap();
        std::thread::sleep(Duration::from_millis(500));
    }
    let seen = page(host, lab.world.internet.http_v4());
    assert!(is_exit(lab, seen));
    let requests = load.stop();
    println!("switches: {}", load::summary(&requests));
    let is_shut = |at: Instant| shut.iter().any(|(from, to)| (*from..*to).contains(&at));
    for request in &requests {
        assert!(!matches!(request.outcome, Outcome::Hung | Outcome::Odd(_)), "{request:?}");
        if is_shut(request.began) && is_shut(request.began + request.took) {
            assert!(!matches!(request.outcome, Outcome::Page(_)), "a page came through a closed lane");
        }
        if is_shut(request.began) && !matches!(request.outcome, Outcome::Page(_)) {
            assert!(request.took < patient(AT_ONCE), "{request:?}");
        }
    }
    let count = |is_it: fn(&Outcome) -> bool| requests.iter().filter(|request| is_it(&request.outcome)).count();
    assert!(count(|outcome| matches!(outcome, Outcome::Page(_))) > 0, "{}", load::summary(&requests));
    assert!(count(|outcome| *outcome == Outcome::Maintenance) > 0, "{}", load::summary(&requests));
    egress.stop().unwrap().must_be_tor_only("switches");
    nobody_but_exits_was_seen(lab);
}

fn maintenance_is_valid_http(host: &Host) {
    let reply = curl(host, &["--include", "http://192.0.2.80/"]).success().unwrap().stdout;
    assert!(reply.starts_with("HTTP/1.1 503 "), "{reply}");
    assert!(reply.to_ascii_lowercase().contains("\nretry-after: "), "{reply}");
    let started = Instant::now();
    let tls = host.enter(|| load::ask(SocketAddr::new(INTERNET.v4.into(), 443), Duration::from_secs(3))).unwrap();
    assert_eq!(tls, Outcome::Cut);
    assert!(started.elapsed() < patient(AT_ONCE), "{:?}", started.elapsed());
}

/// The firewall rules are deleted by hand. No device sends anything during that time.
fn a_planted_leak_shuts_the_lane(lab: &TorWorld, device: &DeviceProc) {
    let server = lab.world.lab.host("server").unwrap();
    wait_for("the canary to be healthy", PATIENCE, || Ok(lab.wg().is_ok_and(|wg| wg.canary.healthy).then_some(())))
        .unwrap();
    let before = lab.wg().unwrap().canary.alarms;
    assert_eq!(before, 0, "a false alarm");
    // The canary sends to addresses reserved for measurements; relays of this network use some of them.
    let canaries = server.capture("eth0", "(net 198.18.0.0/15 and not net 198.18.0.0/24) or net 2001:2::/48").unwrap();
    server.exec(&["ip", "rule", "del", "pref", "100"]).unwrap();
    server.exec(&["nft", "delete", "table", "inet", "tornado"]).unwrap();
    let planted = Instant::now();
    let limit = Duration::from_secs(CANARY_INTERVAL + 3);
    let shut = wait_for("the alarm", limit, || Ok(lab.wg().ok().filter(|wg| wg.canary.alarms > before)));
    let shut = shut.unwrap();
    println!("alarm {:?} after the rules were deleted", planted.elapsed());
    assert!(shut.canary.last_leak.is_some());
    assert!(
        shut.tor_lane_reason != TorLaneReason::LeakAlarm || shut.tor_lane == TorLane::Closed,
        "the alarm did not close the lane: {shut:#?}"
    );
    // The alarm ends without help: the rules are restored and verified, and the next check is clean.
    lab.wait_open().unwrap();
    let seen = wait_for("a page after the alarm", PATIENCE, || {
        Ok(device.host().http_get(lab.world.internet.http_v4(), "/").ok().filter(|reply| reply.status == 200))
    });
    assert!(is_exit(lab, seen.unwrap().seen_as().unwrap()));
    assert_eq!(canaries.stop().unwrap().lines(), Vec::<String>::new(), "a canary packet left the server");
}

fn page(host: &Host, to: SocketAddr) -> IpAddr {
    let reply = wait_for("a page through the lane", PATIENCE, || {
        Ok(host.http_get(to, "/").ok().filter(|reply| reply.status == 200))
    });
    reply.unwrap().seen_as().unwrap()
}

fn curl(host: &Host, words: &[&str]) -> Output {
    let all = [&["curl", "--silent", "--show-error", "--max-time", "20"], words].concat();
    host.try_exec(&all, Duration::from_secs(30)).unwrap()
}

/// Configures the device with a resolver somewhere in the internet.
fn use_resolver(lab: &TorWorld, host: &Host) {
    let path = format!("/etc/netns/{}/resolv.conf", host.namespace());
    std::fs::write(path, format!("nameserver {RESOLVER}\n")).unwrap();
    assert!(lab.world.internet.seen().iter().all(|seen| seen.from != IpAddr::from(lab.world.lab.device_address(1).v4)));
}

fn connected(host: &Host, to: SocketAddr) -> TcpStream {
    host.enter(|| TcpStream::connect_timeout(&to, Duration::from_secs(20)).unwrap()).unwrap()
}

/// Returns Tor's streams to the web server's two addresses, once there are `count`.
fn lab_streams(lab: &TorWorld, count: usize) -> Vec<Stream> {
    let sockets = lab.world.server.state_dir().join("tor/sockets");
    let mut last = Vec::new();
    let waited = wait_for("Tor's streams", PATIENCE, || {
        last = control::streams(&sockets).unwrap_or_default();
        last.retain(|stream| stream.target.ends_with(":80"));
        Ok((last.len() == count).then_some(()))
    });
    assert!(waited.is_ok(), "{waited:?}: {last:?}");
    last
}

fn circuits_to(streams: &[Stream], to: SocketAddr) -> Vec<String> {
    streams.iter().filter(|stream| stream.target == to.to_string()).map(|stream| stream.circuit.clone()).collect()
}

fn is_exit(lab: &TorWorld, address: IpAddr) -> bool {
    lab.network.exits().any(|exit| address == exit.addresses.v4 || address == exit.addresses.v6)
}

/// Tor's resolver does not bind to the exit's own address; it sends queries from the first address of the exits' host.
fn nobody_but_exits_was_seen(lab: &TorWorld) {
    let strangers: Vec<_> = lab.world.internet.seen().into_iter().filter(|seen| !is_exit(lab, seen.from)).collect();
    assert!(strangers.is_empty(), "unexpected clients in internet: {strangers:?}");
    let is_exits = |from: IpAddr| is_exit(lab, from) || from == IpAddr::from([198, 18, 0, 11]);
    let strangers: Vec<_> = lab.network.queries().into_iter().filter(|query| !is_exits(query.from)).collect();
    assert!(strangers.is_empty(), "unexpected clients of the name server: {strangers:?}");
}
