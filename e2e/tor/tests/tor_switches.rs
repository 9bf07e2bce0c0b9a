//! Two hundred switches while a device uses the lane in every way: of the lane by operator commands and by `wg` itself,
//! and of the device between the lanes. Nothing leaves in the clear, nothing hangs, and each switch is one transaction.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]
#![expect(clippy::print_stdout, reason = "the runner shows measurements")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tornado_e2e_harness::{DeviceProc, Host, INTERNET, SERVER, wait_for};
use tornado_e2e_lanes::raw;
use tornado_e2e_tor::egress::Egress;
use tornado_e2e_tor::names::{self, Reply};
use tornado_e2e_tor::steady::Steady;
use tornado_e2e_tor::storm::{self, End, Flow, Storm};
use tornado_e2e_tor::switches::{Switch, Transactions, judge, percentiles, times_of};
use tornado_e2e_tor::world::{INTERFACE, PATIENCE, TorWorld};

/// Of the total, 24 are by the operator, 136 over the contract of `wg`, and 40 by the device.
const ORDERS: usize = 12;
const DIRECT: usize = 136;
const LANES: usize = 20;
/// Port of the test's own page: service `tor`, which normally serves it, is stopped while `wg` is controlled directly.
const PAGE_PORT: u16 = 9_099;

#[test]
fn two_hundred_switches_leak_nothing_and_leave_nothing_hanging() {
    let lab = TorWorld::up(1, |_| Ok(())).unwrap();
    let steady = Steady::start(&lab.world.lab).unwrap();
    let device = lab.on_the_tor_lane(1).unwrap();
    lab.wait_open().unwrap();
    carries(&lab, &device);

    let server = lab.world.lab.host("server").unwrap();
    let logged = times_of(&lab.world.server.log().unwrap()).len();
    let (egress, transactions) = (Egress::watch(server).unwrap(), Transactions::watch(server).unwrap());
    let noise = Noise::start(&lab, &device);
    by_the_operator(&lab, &device);
    by_the_contract(&lab, &device);
    println!("{}", noise.stop());
    let seen = egress.stop().unwrap();
    let (times, counted) = settled(&lab, logged, &transactions);
    let [half, most, longest] = percentiles(times.clone()).unwrap();
    println!("{} switches, {counted} transactions; p50 {half:?}, p99 {most:?}, longest {longest:?}", times.len());
    assert_eq!(counted, times.len(), "each switch must be one transaction");
    assert!(counted >= 2 * ORDERS + DIRECT, "{counted}");
    seen.must_be_tor_only("switches of the lane");
    nobody_but_exits(&lab, &steady);

    of_the_device(&lab, &device, &steady);
}

/// Times of the switches after the first `logged`, and the number of transactions, when neither changes any more:
/// service `tor`, which just continued, may still switch the lane while they are read.
fn settled(lab: &TorWorld, logged: usize, transactions: &Transactions) -> (Vec<Duration>, usize) {
    let mut last = (Vec::new(), 0);
    wait_for("the switches to end", PATIENCE, || {
        std::thread::sleep(Duration::from_secs(2));
        let times = times_of(&lab.world.server.log()?).split_off(logged);
        let now = (times, transactions.count("tor_state_input").unwrap());
        let is_settled = now == last;
        last = now;
        Ok(is_settled.then_some(()))
    })
    .unwrap();
    last
}

fn by_the_operator(lab: &TorWorld, device: &DeviceProc) {
    let storm = Storm::start(device.host(), INTERNET.v4.into());
    let mut switches = Vec::new();
    for _ in 0..ORDERS {
        std::thread::sleep(Duration::from_millis(300));
        switches.push(timed(false, || {
            lab.order("down").unwrap();
            lab.wait_maintenance().unwrap();
        }));
        std::thread::sleep(Duration::from_millis(300));
        switches.push(timed(true, || {
            lab.order("up").unwrap();
            lab.wait_open().unwrap();
        }));
    }
    std::thread::sleep(Duration::from_secs(1));
    let flows = storm.stop();
    println!("by the operator: {}", storm::summary(&flows));
    judge(&flows, &switches);
    used(&flows);
}

/// Switches over the contract of `wg`, faster than any operator. Service `tor`, which would correct it, is stopped.
fn by_the_contract(lab: &TorWorld, device: &DeviceProc) {
    let page = Page::start(lab);
    let open = serde_json::to_value(lab.wg().unwrap().tor_lane).unwrap();
    let maintenance = serde_json::json!({ "state": "maintenance", "page_port": PAGE_PORT });
    let closed = serde_json::json!({ "state": "closed" });
    let cycle = [&maintenance, &open, &closed, &open, &maintenance, &closed, &maintenance, &open];
    let service = Pid::from_raw(lab.world.server.pid_of("tor").unwrap().cast_signed());
    kill(service, Signal::SIGSTOP).unwrap();
    let storm = Storm::start(device.host(), INTERNET.v4.into());
    std::thread::sleep(Duration::from_secs(1));
    let wg = lab.world.server.mesh("wg").within(Duration::from_secs(10));
    let mut switches = Vec::new();
    for wanted in cycle.into_iter().cycle().take(DIRECT) {
        let call = || drop(wg.send("PUT", "/v1/tor-lane", wanted).unwrap());
        switches.push(timed(wanted == &open, call));
        std::thread::sleep(Duration::from_millis(if wanted == &open { 250 } else { 80 }));
    }
    std::thread::sleep(Duration::from_secs(1));
    let flows = storm.stop();
    kill(service, Signal::SIGCONT).unwrap();
    let calls = percentiles(switches.iter().map(|switch| switch.done - switch.asked).collect()).unwrap();
    println!("by the contract: {}; a call takes p50, p99, longest {calls:?}", storm::summary(&flows));
    judge(&flows, &switches);
    used(&flows);
    assert!(flows.iter().any(|flow| flow.end == End::Maintenance), "{}", storm::summary(&flows));
    drop(page);
    lab.wait_open().unwrap();
}

/// `tornado lane`, back and forth.
fn of_the_device(lab: &TorWorld, device: &DeviceProc, steady: &Steady) {
    let server = lab.world.lab.host("server").unwrap();
    // On the direct lane the server's own address may appear; never another.
    let own = format!("host {} or host {}", SERVER.v4, SERVER.v6);
    let strangers = server.capture("eth0", &format!("(ip or ip6) and not ({own}) and not src net fe80::/10")).unwrap();
    let to_server = format!("(host {} and (udp port 51820 or udp port 51821 or tcp port 4605 or icmp))", SERVER.v4);
    let uplink = device.host().capture("eth0", &format!("(ip or ip6) and not {to_server} and not src net fe80::/10"));
    let tunnel = device.host().capture("eth0", "udp port 51820 or udp port 51821").unwrap();
    let before = lab.world.internet.seen().len();
    let called = steady.seen().len();
    let storm = Storm::start(device.host(), INTERNET.v4.into());
    let mut switches = Vec::new();
    for _ in 0..LANES {
        for (lane, opens) in [("direct", false), ("tor", true)] {
            std::thread::sleep(Duration::from_millis(250));
            switches.push(timed(opens, || {
                device.cli(&["lane", lane]).unwrap().success().unwrap();
            }));
        }
    }
    std::thread::sleep(Duration::from_secs(1));
    let flows = storm.stop();
    let times = percentiles(switches.iter().map(|switch| switch.done - switch.asked).collect()).unwrap();
    println!("of the device: {}; p50, p99, longest {times:?}", storm::summary(&flows));
    // Both lanes carry traffic: only flows that started before a switch are checked, and which lane each page used.
    let anywhere: Vec<Switch> = switches.iter().map(|switch| Switch { opens: true, ..*switch }).collect();
    judge(&flows, &anywhere);
    used(&flows);
    let is_exit = |from: IpAddr| lab.network.exits().any(|exit| from == exit.addresses.v4 || from == exit.addresses.v6);
    for pair in switches.windows(2) {
        for flow in flows.iter().filter(|flow| pair[0].done < flow.began && flow.ended < pair[1].asked) {
            let End::Page(from) = &flow.end else { continue };
            let from: IpAddr = from.parse().unwrap();
            assert!(if pair[0].opens { is_exit(from) } else { from == SERVER.v4 }, "{from}: {flow:?}");
        }
    }
    let seen = lab.world.internet.seen().into_iter().skip(before).map(|seen| seen.from);
    let others: Vec<_> = seen.chain(steady.seen().into_iter().skip(called)).collect();
    assert!(others.iter().any(|from| is_exit(*from)) && others.contains(&SERVER.v4.into()), "both lanes must be used");
    assert!(others.iter().all(|from| is_exit(*from) || *from == SERVER.v4), "{others:?}");
    assert!(tunnel.stop().unwrap().count() > 1_000, "the capture on the device's uplink has too few packets");
    assert_eq!(uplink.unwrap().stop().unwrap().lines(), Vec::<String>::new(), "packets bypassed the tunnel");
    assert_eq!(
        strangers.stop().unwrap().lines(),
        Vec::<String>::new(),
        "packets left the server without address translation"
    );
}

fn timed(opens: bool, switch: impl FnOnce()) -> Switch {
    let asked = Instant::now();
    switch();
    Switch { asked, done: Instant::now(), opens }
}

/// Checks that every kind carried traffic, so that there was something to cut.
fn used(flows: &[Flow]) {
    for kind in [storm::Kind::Page, storm::Kind::Kept, storm::Kind::Waiting, storm::Kind::Download] {
        let carried = flows.iter().filter(|flow| flow.kind == kind && flow.carried).count();
        assert!(carried > 5, "{kind:?}: {}", storm::summary(flows));
    }
}

fn carries(lab: &TorWorld, device: &DeviceProc) {
    wait_for("a page through the lane", PATIENCE, || {
        Ok(device.host().http_get(lab.world.internet.http_v4(), "/").ok().filter(|reply| reply.status == 200))
    })
    .unwrap();
}

fn nobody_but_exits(lab: &TorWorld, steady: &Steady) {
    let is_exit = |from: &IpAddr| lab.network.exits().any(|e| *from == e.addresses.v4 || *from == e.addresses.v6);
    let seen = lab.world.internet.seen().into_iter().map(|seen| seen.from);
    let strangers: Vec<_> = seen.chain(steady.seen()).filter(|from| !is_exit(from)).collect();
    assert!(strangers.is_empty(), "unexpected clients in internet: {strangers:?}");
}

/// Everything except TCP while the lane is switched: DNS, datagrams, and packets that no program sends.
struct Noise {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<String>>,
}

impl Noise {
    fn start(lab: &TorWorld, device: &DeviceProc) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let (source, _) = lab.leased(1).unwrap();
        let packets = raw::arsenal(source, (INTERNET.v4, INTERNET.v6));
        let (echo, host) = (lab.world.internet.echo_v4(), device.host().clone());
        let (end, from) = (Arc::clone(&stop), host.clone());
        let crafted = std::thread::spawn(move || {
            let mut taken = 0;
            while !end.load(Ordering::Relaxed) {
                taken += from.enter(|| raw::send(INTERFACE, &packets).unwrap()).unwrap();
                let answer = from.udp_ask(echo, b"hello", Duration::from_millis(20));
                assert!(!matches!(answer, Ok(Some(_))), "a UDP echo came through: {answer:?}");
                // A device gets a limited number of ICMP errors per second: the DNS queries must get some of them.
                std::thread::sleep(Duration::from_millis(700));
            }
            format!("{taken} crafted packets")
        });
        let end = Arc::clone(&stop);
        let named = std::thread::spawn(move || ask_names(&host, &end));
        Self { stop, threads: vec![crafted, named] }
    }

    fn stop(self) -> String {
        self.stop.store(true, Ordering::Relaxed);
        let words: Vec<_> = self.threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        words.join(", ")
    }
}

fn ask_names(host: &Host, stop: &AtomicBool) -> String {
    let (mut answered, mut refused, mut silent) = (0, 0, 0);
    while !stop.load(Ordering::Relaxed) {
        let name = format!("n{}.site.test", answered + refused + silent);
        let asked = host.enter(|| names::ask(&name, names::kind::A, Duration::from_secs(1)).unwrap()).unwrap();
        match asked.0 {
            Reply::Answer { .. } => answered += 1,
            Reply::Refused => refused += 1,
            Reply::Silence => silent += 1,
        }
        std::thread::sleep(Duration::from_millis(30));
    }
    // Linux sends a device six errors at once and then one per second (icmp_ratelimit): all others get no response.
    assert!(
        answered > 20 && refused > 3,
        "names: {answered} answered, {refused} rejected, {silent} without a response"
    );
    format!("names: {answered} answered, {refused} rejected, {silent} without a response")
}

/// Serves a page at the lane's own address.
struct Page(Arc<AtomicBool>);

impl Page {
    fn start(lab: &TorWorld) -> Self {
        let server = lab.world.lab.host("server").unwrap();
        let bind = || TcpListener::bind((Ipv4Addr::new(10, 9, 0, 1), PAGE_PORT)).unwrap();
        let listener = server.enter(bind).unwrap();
        let end = Arc::<AtomicBool>::default();
        let stop = Arc::clone(&end);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten().take_while(|_| !stop.load(Ordering::Relaxed)) {
                std::thread::spawn(move || {
                    // A reset in the middle is what the test is about.
                    let _ = stream.read(&mut [0; 2_048]);
                    let _ = stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
                });
            }
        });
        Self(end)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
