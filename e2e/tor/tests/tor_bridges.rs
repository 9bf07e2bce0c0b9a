//! The tor lane where only a bridge gives access to the network: no traffic except the transport's leaves the server.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]
#![expect(clippy::print_stdout, reason = "the runner shows measurements")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::{Duration, Instant};
use tornado_contracts::tor::{HopRole, LaneReason};
use tornado_e2e_harness::{Capture, Host, RelayKind, TorNetworkOptions, wait_for};
use tornado_e2e_tor::egress::DEVICES;
use tornado_e2e_tor::load::{self, Outcome};
use tornado_e2e_tor::world::{PATIENCE, TorWorld};

/// The pluggable transport.
const OBFS4PROXY: &str = "/usr/bin/obfs4proxy";
/// A device's time limit for a page.
const PAGE: Duration = Duration::from_secs(10);

#[test]
fn the_lane_enters_the_network_by_its_bridge_alone() {
    let options = TorNetworkOptions { relays: 0, bridges: 1, ..TorNetworkOptions::default() };
    let mut captures = None;
    let lab = TorWorld::up_on(1, options, |lab, network| {
        let server = lab.host("server")?;
        let bridge = network.relays().iter().find(|relay| relay.kind == RelayKind::Bridge).unwrap();
        let disguised = format!("(tcp port 9443 and host 203.0.113.10 and host {})", bridge.addresses.v4);
        captures = Some([
            server.capture("eth0", &format!("(ip or ip6) and not {DEVICES} and not {disguised}"))?,
            server.capture("eth0", &disguised)?,
        ]);
        Ok(format!("bridges = [\"{}\"]\n", network.bridge_lines().join("\", \"")))
    })
    .unwrap();
    let began = Instant::now();
    lab.wait_open().unwrap();
    println!("open over the bridge {:?} after the server was ready", began.elapsed());
    let device = lab.on_the_tor_lane(1).unwrap();
    carries(&lab, device.host());
    every_circuit_begins_at_the_bridge(&lab);
    a_transport_that_dies_comes_back(&lab, device.host());
    a_bridge_that_is_away_shuts_the_lane(lab, device.host(), captures.unwrap());
}

fn every_circuit_begins_at_the_bridge(lab: &TorWorld) {
    let bridge = lab.network.relays().iter().find(|relay| relay.kind == RelayKind::Bridge).unwrap();
    let answer = lab.world.server.mesh("tor").get("/v1/circuits").unwrap();
    let circuits: tornado_contracts::tor::Circuits = serde_json::from_value(answer).unwrap();
    let guards: Vec<_> = circuits.circuits.iter().filter_map(|circuit| circuit.path.first()).collect();
    assert!(!guards.is_empty());
    for guard in guards {
        assert_eq!((guard.role, guard.fingerprint.as_str()), (HopRole::Guard, bridge.fingerprint.as_str()));
    }
}

fn a_transport_that_dies_comes_back(lab: &TorWorld, host: &Host) {
    let before = transports(lab);
    assert_eq!(before.len(), 1, "{before:?}");
    // Tor's own sandbox is off with a transport; these restrictions are not.
    let limits = std::fs::read_to_string(format!("/proc/{}/status", before[0])).unwrap();
    assert!(limits.contains("NoNewPrivs:\t1\n") && limits.contains("CapEff:\t0000000000000000\n"), "{limits}");
    assert!(!limits.contains("Uid:\t0\t"), "{limits}");
    let began = Instant::now();
    kill(Pid::from_raw(before[0]), Signal::SIGKILL).unwrap();
    wait_for_another_transport(lab, &before);
    lab.wait_open().unwrap();
    carries(lab, host);
    println!("kill -9 of the transport: a page again after {:?}", began.elapsed());

    let before = transports(lab);
    lab.kill_tor().unwrap();
    wait_for("the previous transport to end with its Tor", Duration::from_secs(5), || {
        Ok(transports(lab).iter().all(|pid| !before.contains(pid)).then_some(()))
    })
    .unwrap();
    // The lane stays open until `tor` notices the death.
    wait_for_another_transport(lab, &before);
    lab.wait_open().unwrap();
    carries(lab, host);
}

fn wait_for_another_transport(lab: &TorWorld, before: &[i32]) {
    wait_for("a new transport", PATIENCE, || {
        let now = transports(lab);
        Ok((now.len() == 1 && now != before).then_some(()))
    })
    .unwrap();
}

fn a_bridge_that_is_away_shuts_the_lane(mut lab: TorWorld, host: &Host, captures: [Capture; 2]) {
    lab.network.kill_relay("b1").unwrap();
    lab.wait_maintenance().unwrap();
    assert_ne!(lab.tor().unwrap().lane.reason, LaneReason::Healthy);
    // Long enough for a Tor that would look for another way into the network.
    std::thread::sleep(Duration::from_secs(5));
    assert!(matches!(ask(&lab, host), Outcome::Maintenance | Outcome::Cut));
    lab.network.start_relay("b1").unwrap();
    let began = Instant::now();
    lab.wait_open().unwrap();
    carries(&lab, host);
    println!("a page again {:?} after the bridge was started", began.elapsed());
    let [strangers, disguised] = captures.map(|capture| capture.stop().unwrap());
    let is_chatter = |line: &&String| line.starts_with("IP6 fe80::") || line.starts_with("IP6 :: >");
    let strangers: Vec<_> = strangers.lines().iter().filter(|line| !is_chatter(line)).collect();
    println!("{} packets to and from the bridge on the egress, {} others", disguised.count(), strangers.len());
    assert!(strangers.is_empty(), "foreign packets left the server: {strangers:#?}");
    assert!(disguised.count() > 0);
}

/// Returns the process IDs of the transport in the server's host.
fn transports(lab: &TorWorld) -> Vec<i32> {
    let server = lab.world.lab.host("server").unwrap();
    let all = server.exec(&["ip", "netns", "pids", server.namespace()]).unwrap().stdout;
    let pids = all.split_whitespace().filter_map(|word| word.parse::<i32>().ok());
    pids.filter(|pid| {
        std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|program| program.as_os_str() == OBFS4PROXY)
    })
    .collect()
}

fn ask(lab: &TorWorld, host: &Host) -> Outcome {
    host.enter(|| load::ask(lab.world.internet.http_v4(), PAGE)).unwrap()
}

fn carries(lab: &TorWorld, host: &Host) {
    wait_for("a page through the bridge", PATIENCE, || {
        Ok(match ask(lab, host) {
            Outcome::Page(seen) => Some(seen),
            Outcome::Maintenance | Outcome::Cut | Outcome::Hung | Outcome::Odd(_) => None,
        })
    })
    .map(|seen| assert!(lab.network.exits().any(|exit| exit.addresses.v4.to_string() == seen), "{seen}"))
    .unwrap();
}
