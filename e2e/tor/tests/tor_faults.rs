//! The tor lane while its parts die: it fails closed, leaks nothing and comes back by itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]
#![expect(clippy::print_stdout, reason = "what was measured is shown by the runner")]

use std::time::{Duration, Instant};
use tornado_e2e_harness::{DeviceProc, Host, wait_for};
use tornado_e2e_tor::egress::Egress;
use tornado_e2e_tor::load::{self, Hammer, Outcome};
use tornado_e2e_tor::world::{PATIENCE, TorWorld};
use tornado_mesh::tor::LaneState;
use tornado_mesh::wg::TorLane;

/// Where the relays are.
const RELAYS: &str = "198.18.0.0/24";
/// A lane that is shut says so within this time.
const AT_ONCE: Duration = Duration::from_secs(1);
/// How long Tor is left without a network: many times what it takes with one.
const CUT: Duration = Duration::from_secs(12);

#[test]
fn the_lane_fails_closed_and_comes_back() {
    // The network is cut before the server is there: only the server's way to the relays.
    let mut lab = TorWorld::up(1, |lab| {
        lab.host("server")?.exec(&["ip", "route", "add", "blackhole", RELAYS])?;
        Ok(())
    })
    .unwrap();
    let device = lab.on_the_tor_lane(1).unwrap();
    a_tor_without_a_network_never_opens_the_lane(&lab, &device);
    operators_down_survives_all_of_it(&mut lab, &device);
    nothing_leaks_while_parts_die(&mut lab, &device);
}

fn a_tor_without_a_network_never_opens_the_lane(lab: &TorWorld, device: &DeviceProc) {
    let server = lab.world.lab.host("server").unwrap();
    let egress = server.capture("eth0", "(ip or ip6) and (net 198.18.0.0/15 or net 192.0.2.0/24)").unwrap();
    let began = Instant::now();
    let mut asked = 0;
    while began.elapsed() < CUT {
        let wg = lab.wg().unwrap();
        assert_eq!(wg.tor_lane, TorLane::Closed, "{:#?}", lab.tor());
        assert_ne!(lab.tor().unwrap().lane.state, LaneState::Open);
        fails_fast(lab, device.host());
        asked += 1;
    }
    println!("without a network: closed for {CUT:?}, {asked} requests refused at once");
    assert_eq!(egress.stop().unwrap().lines(), Vec::<String>::new());
    server.exec(&["ip", "route", "del", "blackhole", RELAYS]).unwrap();
    let mended = Instant::now();
    // Tor's own pauses between attempts have become long by now: another start has none.
    lab.kill_tor().unwrap();
    lab.wait_open().unwrap();
    println!("open {:?} after the network was there", mended.elapsed());
    carries(lab, device.host());
}

fn operators_down_survives_all_of_it(lab: &mut TorWorld, device: &DeviceProc) {
    lab.order("down").unwrap();
    lab.wait_maintenance().unwrap();
    let before = lab.kill_tor().unwrap();
    wait_for("Tor to be at 100 % again", PATIENCE, || {
        let is_back = |pid| pid != before && lab.tor().is_ok_and(|tor| tor.bootstrap.percent == 100);
        Ok(lab.tor_pid().is_ok_and(is_back).then_some(()))
    })
    .unwrap();
    stays_down(lab, device.host());

    restart_master(lab);
    wait_for("Tor to be at 100 % again", PATIENCE, || {
        Ok(lab.tor().is_ok_and(|tor| tor.bootstrap.percent == 100).then_some(()))
    })
    .unwrap();
    lab.wait_maintenance().unwrap();
    wait_for("the maintenance page after a restart of all", PATIENCE, || {
        let outcome = device.host().enter(|| load::ask(lab.world.internet.http_v4(), AT_ONCE))?;
        Ok((outcome == Outcome::Maintenance).then_some(()))
    })
    .unwrap();
    stays_down(lab, device.host());
    lab.order("up").unwrap();
    lab.wait_open().unwrap();
    carries(lab, device.host());
}

fn stays_down(lab: &TorWorld, host: &Host) {
    for _ in 0..10 {
        assert!(lab.tor().unwrap().wanted.is_some_and(|wanted| !wanted.lane));
        let lane = lab.wg().unwrap().tor_lane;
        assert!(matches!(lane, TorLane::Maintenance { .. }), "{lane:?}");
        let outcome = host.enter(|| load::ask(lab.world.internet.http_v4(), AT_ONCE)).unwrap();
        assert_eq!(outcome, Outcome::Maintenance);
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn nothing_leaks_while_parts_die(lab: &mut TorWorld, device: &DeviceProc) {
    let host = device.host().clone();
    let egress = Egress::watch(lab.world.lab.host("server").unwrap()).unwrap();
    let load = Hammer::start(&host, lab.world.internet.http_v4(), 2, Duration::from_secs(5));
    std::thread::sleep(Duration::from_secs(1));

    let began = Instant::now();
    let before = lab.kill_tor().unwrap();
    fails_fast(lab, &host);
    wait_for("another Tor", PATIENCE, || Ok(lab.tor_pid().is_ok_and(|pid| pid != before).then_some(()))).unwrap();
    lab.wait_open().unwrap();
    carries(lab, &host);
    println!("kill -9 of Tor: a page again after {:?}", began.elapsed());

    for service in ["tor", "wg"] {
        let began = Instant::now();
        let before = lab.world.server.kill_service(service).unwrap();
        if service == "tor" {
            fails_fast(lab, &host);
        }
        lab.world.server.wait_restarted(service, before, PATIENCE).unwrap();
        lab.wait_open().unwrap();
        carries(lab, &host);
        println!("kill -9 of service {service}: a page again after {:?}", began.elapsed());
    }

    let began = Instant::now();
    restart_master(lab);
    lab.wait_open().unwrap();
    carries(lab, &host);
    println!("kill -9 of master: a page again after {:?}", began.elapsed());

    let requests = load.stop();
    println!("while parts died: {}", load::summary(&requests));
    let odd: Vec<_> = requests.iter().filter(|request| matches!(request.outcome, Outcome::Odd(_))).collect();
    assert!(odd.is_empty(), "{odd:?}");
    egress.stop().unwrap().must_be_tor_only("kill -9 of Tor, tor, wg and master");
    let is_exit = |from| lab.network.exits().any(|exit| from == exit.addresses.v4 || from == exit.addresses.v6);
    let strangers: Vec<_> = lab.world.internet.seen().into_iter().filter(|seen| !is_exit(seen.from)).collect();
    assert!(strangers.is_empty(), "seen in internet: {strangers:?}");
}

/// `kill -9` of master, and a start as the system's supervisor does it.
fn restart_master(lab: &mut TorWorld) {
    let pid = lab.world.server.master().unwrap().pid();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.cast_signed()), nix::sys::signal::Signal::SIGKILL).unwrap();
    lab.world.server.start_master().unwrap();
    // Its services may have lived on: they are taken over, and interrupt nobody.
    lab.world.server.wait_ready(PATIENCE).unwrap();
}

/// An answer or a reset within a second, and no page.
fn fails_fast(lab: &TorWorld, host: &Host) {
    let outcome = host.enter(|| load::ask(lab.world.internet.http_v4(), AT_ONCE)).unwrap();
    assert!(matches!(outcome, Outcome::Cut | Outcome::Maintenance), "{outcome:?}");
}

fn carries(lab: &TorWorld, host: &Host) {
    wait_for("a page through the lane", PATIENCE, || {
        let outcome = host.enter(|| load::ask(lab.world.internet.http_v4(), Duration::from_secs(5)))?;
        Ok(matches!(outcome, Outcome::Page(_)).then_some(()))
    })
    .unwrap();
}
