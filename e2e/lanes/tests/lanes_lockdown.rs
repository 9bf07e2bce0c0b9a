//! Lockdown: what leaves a device in each state, seen from outside of it, and the ways out.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tornado_e2e_harness::lan::{Lan, NEIGHBOUR, ROUTER, StaticRoute};
use tornado_e2e_harness::{Capture, DeviceProc, Host, Programs, SERVER, wait_for};
use tornado_e2e_lanes::world::World;

/// What the policy names, besides the tunnel: address configuration, neighbour discovery, multicast membership.
const NAMED: &str = "not arp and not igmp and not (ip6 and ip6[6] = 0) \
                     and not (icmp6 and ip6[40] >= 133 and ip6[40] <= 136) \
                     and not (udp and src port 68 and dst port 67) \
                     and not (dst host 203.0.113.10 and (udp port 51820 or udp port 51821 or tcp port 4605)) \
                     and not (dst host 2001:db8:113::10 and (udp port 51820 or udp port 51821 or tcp port 4605))";

/// A device in a local network that the test controls.
struct Place {
    world: World,
    lan: Lan,
    host: Host,
    mac: String,
}

impl Place {
    fn new() -> Self {
        let world = World::up(1, "").unwrap();
        let lan = Lan::around(&world.lab, 1).unwrap();
        let host = world.device_host(1).unwrap().clone();
        let mac = host.exec(&["cat", "/sys/class/net/eth0/address"]).unwrap().stdout.trim().to_owned();
        Self { world, lan, host, mac }
    }

    fn device(&self) -> DeviceProc {
        DeviceProc::start(&self.host, Programs::beside()).unwrap()
    }

    /// Everything that the device sends and the policy does not name, at the other end of its uplink.
    fn capture(&self) -> Capture {
        self.lan.router().capture("port1", &format!("ether src {} and {NAMED}", self.mac)).unwrap()
    }

    /// The address as which the internet sees the device.
    fn seen_as(&self) -> Option<IpAddr> {
        let page = self.host.http_get_within(self.world.internet.http_v4(), "/", Duration::from_secs(2));
        page.ok()?.seen_as().ok()
    }

    fn noise(&self) -> Noise {
        let internet = &self.world.internet;
        let resolver = |ip: IpAddr| SocketAddr::new(ip, 53);
        let (v4, v6) = (internet.echo_v4(), internet.echo_v6());
        let targets = vec![
            v4,
            v6,
            resolver(v4.ip()),
            resolver(v6.ip()),
            resolver(ROUTER.into()),
            resolver(NEIGHBOUR.into()),
            (ROUTER, 853).into(),
            (NEIGHBOUR, 9).into(),
            (Ipv4Addr::new(224, 0, 0, 251), 5353).into(),
            (Ipv4Addr::new(224, 0, 0, 252), 5355).into(),
            (Ipv4Addr::BROADCAST, 9).into(),
            (SERVER.v4, 9).into(),
            "[ff02::fb]:5353".parse().unwrap(),
        ];
        Noise::start(&self.host, targets, internet.http_v4())
    }

    /// As at a shutdown: the uplink goes down, then tables, rules and routes of the tunnel disappear.
    fn power_off(&self) {
        let words = "ip link set eth0 down; nft flush ruleset; ip rule flush protocol 116; \
            ip -6 rule flush protocol 116; ip route flush table 29807; ip -6 route flush table 29807";
        self.host.exec(&["sh", "-c", words]).unwrap();
    }
}

/// Programs that know nothing of tunnels: datagrams, connections, queries and raw packets, half of them bound to the
/// uplink.
struct Noise {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    thread: std::thread::JoinHandle<()>,
}

impl Noise {
    fn start(host: &Host, targets: Vec<SocketAddr>, page: SocketAddr) -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let thread = {
            let (host, stop, sent) = (host.clone(), stop.clone(), sent.clone());
            std::thread::spawn(move || {
                host.enter(|| {
                    while !stop.load(Ordering::SeqCst) {
                        send_all(&targets);
                        ping(&targets);
                        let _ = TcpStream::connect_timeout(&page, Duration::from_millis(20));
                        sent.fetch_add(1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(5));
                    }
                })
                .unwrap();
            })
        };
        Self { stop, sent, thread }
    }

    /// Waits for further rounds, so that the current state was tried.
    fn rounds(&self, count: usize) {
        let until = self.sent.load(Ordering::SeqCst) + count;
        wait_for("noise", Duration::from_secs(30), || Ok((self.sent.load(Ordering::SeqCst) >= until).then_some(())))
            .unwrap();
    }

    fn stop(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap();
        self.sent.load(Ordering::SeqCst)
    }
}

fn send_all(targets: &[SocketAddr]) {
    for (target, bound) in targets.iter().flat_map(|target| [(target, false), (target, true)]) {
        let domain = socket2::Domain::for_address(*target);
        let Ok(socket) = socket2::Socket::new(domain, socket2::Type::DGRAM, None) else { continue };
        if bound {
            // The uplink may be down.
            let _ = socket.bind_device(Some(b"eth0"));
        }
        let _ = socket.set_broadcast(true);
        // A refusal counts as a try, too.
        let _ = socket.send_to(b"\0\0\0\0", &(*target).into());
    }
}

/// Echo requests over raw sockets.
fn ping(targets: &[SocketAddr]) {
    for target in targets.iter().filter(|target| target.is_ipv4()) {
        let kind = Some(socket2::Protocol::ICMPV4);
        let Ok(socket) = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::RAW, kind) else { continue };
        let _ = socket.bind_device(Some(b"eth0"));
        let _ = socket.send_to(&[8, 0, 0xf7, 0xff, 0, 0, 0, 0], &(*target).into());
    }
}

fn nothing_so_far(capture: &Capture, noise: &Noise, when: &str) {
    noise.rounds(10);
    std::thread::sleep(Duration::from_millis(100));
    let seen = capture.so_far().unwrap();
    assert_eq!(seen.count(), 0, "{when}: {:#?}", &seen.lines()[..seen.count().min(10)]);
}

fn state(device: &DeviceProc) -> (String, bool) {
    let status = device.json(&["status"]).unwrap();
    (status["state"].as_str().unwrap().to_owned(), status["lockdown"].as_bool().unwrap())
}

fn until(device: &DeviceProc, what: &str, met: impl Fn(&Value) -> bool) -> Value {
    let waited = wait_for(what, Duration::from_secs(30), || {
        let status = device.json(&["status"])?;
        Ok(met(&status).then_some(status))
    });
    let log = || device.log().unwrap_or_default();
    waited.unwrap_or_else(|error| panic!("{error}: {:#}\n{}", device.json(&["status"]).unwrap(), log()))
}

fn has_table(host: &Host) -> bool {
    host.exec(&["nft", "list", "tables"]).unwrap().stdout.contains("inet tornado_device")
}

#[test]
fn always_lets_nothing_out_in_any_state() {
    let place = Place::new();
    let (host, through) = (&place.host, Some(IpAddr::from(SERVER.v4)));
    let mut device = place.device();
    // The capture sees each kind of packet while traffic flows.
    let (noise, planted) = (place.noise(), place.capture());
    planted.wait_for(20, Duration::from_secs(10)).unwrap();
    device.cli(&["lockdown", "always", "--lan", "block"]).unwrap().success().unwrap();
    drop(planted);
    assert_eq!(state(&device), ("blocked".into(), true));
    let capture = place.capture();
    nothing_so_far(&capture, &noise, "before the enrolment");
    let lease = place.lan.renew(&[]).unwrap();
    assert_eq!(lease.router, ROUTER);

    device = place.world.enroll(1, device).unwrap();
    nothing_so_far(&capture, &noise, "after the enrolment");
    device.cli(&["connect"]).unwrap().success().unwrap();
    assert_eq!(place.seen_as(), through);
    nothing_so_far(&capture, &noise, "connected");

    let hostile = StaticRoute { to: Ipv4Addr::UNSPECIFIED, length: 1, via: ROUTER };
    place.lan.renew(&[hostile]).unwrap();
    nothing_so_far(&capture, &noise, "after DHCP set other routes");
    assert_eq!(place.seen_as(), through);
    device.cli(&["lane", "tor"]).unwrap().success().unwrap();
    nothing_so_far(&capture, &noise, "on the other lane");
    device.cli(&["lane", "direct"]).unwrap().success().unwrap();

    device.kill_helper();
    nothing_so_far(&capture, &noise, "after kill -9 of the helper");
    assert_eq!(place.seen_as(), None);
    place.lan.renew(&[hostile]).unwrap();
    device.start_helper().unwrap();
    nothing_so_far(&capture, &noise, "after its restart");
    until(&device, "the tunnel to return", |status| status["state"] == "connected");
    assert_eq!(place.seen_as(), through);

    // The server is away.
    let router = place.lan.router();
    router
        .exec(&[
            "nft",
            "add table inet away; add chain inet away f { type filter hook forward priority 0; }; \
        add rule inet away f ip daddr 203.0.113.10 drop",
        ])
        .unwrap();
    device.kill_helper();
    device.start_helper().unwrap();
    nothing_so_far(&capture, &noise, "while the server is away");
    assert_eq!(state(&device), ("blocked".into(), true));
    router.exec(&["nft", "delete table inet away"]).unwrap();
    until(&device, "the tunnel to return", |status| status["state"] == "connected");

    device.cli(&["disconnect"]).unwrap().success().unwrap();
    assert_eq!(state(&device), ("blocked".into(), true));
    nothing_so_far(&capture, &noise, "disconnected");
    assert_eq!(place.seen_as(), None);

    // Another program flushes the firewall, connected and disconnected.
    for (round, words) in [&["disconnect"], &["connect"]].into_iter().enumerate() {
        device.cli(words).unwrap().success().unwrap();
        host.exec(&["nft", "flush", "ruleset"]).unwrap();
        let begun = Instant::now();
        wait_for("the firewall to return", Duration::from_secs(5), || Ok(has_table(host).then_some(()))).unwrap();
        println!("after `nft flush ruleset`, the firewall was listed again within {:?}", begun.elapsed());
        nothing_so_far(&capture, &noise, "after the firewall was flushed");
        let restored = u64::try_from(round).unwrap();
        let status = until(&device, "the report", |status| status["restored"].as_u64() > Some(restored));
        assert_eq!(status["notice"]["code"], "interference", "{status:#}");
    }
    assert_eq!(place.seen_as(), through);

    // The helper is stopped as in an upgrade, and started again.
    assert!(device.stop_helper().unwrap().unwrap().success());
    nothing_so_far(&capture, &noise, "while the helper is stopped");
    assert!(has_table(host));
    device.start_helper().unwrap();
    nothing_so_far(&capture, &noise, "after its start");

    // The machine starts: the unit blocks before the network is up, then the helper takes over.
    device.stop_helper().unwrap();
    place.power_off();
    device.run_helper(&["--block-early"]).unwrap().success().unwrap();
    host.exec(&["ip", "link", "set", "eth0", "up"]).unwrap();
    place.lan.renew(&[]).unwrap();
    nothing_so_far(&capture, &noise, "at boot, before the helper");
    assert_eq!(place.seen_as(), None);
    device.start_helper().unwrap();
    nothing_so_far(&capture, &noise, "at boot, with the helper");
    until(&device, "the tunnel to return", |status| status["state"] == "connected");
    assert_eq!(place.seen_as(), through);

    // The capture saw nothing because nothing was sent, not because it ended: now it does.
    device.cli(&["disconnect"]).unwrap().success().unwrap();
    nothing_so_far(&capture, &noise, "at the end");
    device.cli(&["lockdown", "off"]).unwrap().success().unwrap();
    capture.wait_for(20, Duration::from_secs(10)).unwrap();
    assert_eq!(place.seen_as(), Some("198.51.100.1".parse().unwrap()));
    assert!(!has_table(host));
    println!("{} rounds of noise", noise.stop());
}

#[test]
fn lockdown_can_be_lifted_without_server_login_store_or_helper() {
    let place = Place::new();
    let clear: Option<IpAddr> = Some("198.51.100.1".parse().unwrap());
    let mut device = place.device();
    let lifted = |device: &DeviceProc, case: &str| {
        assert_eq!(place.seen_as(), None, "{case}");
        device.cli(&["lockdown", "off"]).unwrap().success().unwrap();
        assert_eq!(place.seen_as(), clear, "{case}");
        assert!(!place.host.exec(&["nft", "list", "tables"]).unwrap().stdout.contains("tornado"), "{case}");
        let rules = place.host.exec(&["ip", "rule"]).unwrap().stdout;
        assert!(!rules.contains("29807"), "{case}: {rules}");
    };
    device.cli(&["lockdown", "always"]).unwrap().success().unwrap();
    lifted(&device, "not enrolled");

    for file in ["lockdown.json", "state.json", "wanted.json"] {
        device.cli(&["lockdown", if file == "lockdown.json" { "off" } else { "auto" }]).unwrap().success().unwrap();
        device.stop_helper().unwrap();
        std::fs::write(device.state_dir().join(file), "{").unwrap();
        device.start_helper().unwrap();
        assert_eq!(state(&device), ("blocked".into(), true), "{file}");
        if file == "lockdown.json" {
            assert_eq!(device.json(&["status"]).unwrap()["notice"]["code"], "lockdown_unreadable");
        }
        lifted(&device, file);
        std::fs::remove_file(device.state_dir().join(file)).unwrap();
    }

    // Stopped on purpose, then killed.
    for kill in [false, true] {
        device.cli(&["lockdown", "always"]).unwrap().success().unwrap();
        if kill {
            device.kill_helper()
        } else {
            assert!(device.stop_helper().unwrap().is_some());
        }
        lifted(&device, "without a helper");
        // The choice also holds at the next start.
        device.run_helper(&["--block-early"]).unwrap().success().unwrap();
        assert_eq!(place.seen_as(), clear);
        device.start_helper().unwrap();
        assert_eq!(state(&device), ("disconnected".into(), false));
        assert_eq!(device.json(&["lockdown"]).unwrap()["policy"]["mode"], "off");
        assert_eq!(place.seen_as(), clear);
    }
    let refused = device.run_helper(&["--release"]).unwrap();
    assert!(!refused.ok() && refused.stderr.contains("a helper is running"), "{}", refused.stderr);
}

/// A container behind a bridge of the device, as container engines create it.
#[test]
fn bridges_can_stay_reachable_while_the_local_network_is_blocked() {
    let place = Place::new();
    let (host, device) = (&place.host, place.world.enroll(1, place.device()).unwrap());
    // Created outside of the device: a mount in its namespace would end with the command. The lab removes it.
    let container = format!("{}c", host.namespace());
    let added = std::process::Command::new("ip").args(["netns", "add", &container]).status().unwrap();
    assert!(added.success());
    host.exec(&[
        "sh",
        "-ec",
        &format!(
            "ip link add br-c type bridge; ip addr add 172.29.0.1/24 dev br-c; ip link set br-c up
         ip link add vethc type veth peer name eth0 netns {container}; ip link set vethc master br-c up
         ip -n {container} link set lo up; ip -n {container} link set eth0 up
         ip -n {container} addr add 172.29.0.2/24 dev eth0; ip -n {container} route add default via 172.29.0.1
         echo 1 > /proc/sys/net/ipv4/ip_forward
         nft 'add table ip engine; add chain ip engine out {{ type nat hook postrouting priority srcnat; }}
              add rule ip engine out ip saddr 172.29.0.0/24 oifname != \"br-c\" masquerade'"
        ),
    ])
    .unwrap();
    let seen_as = || {
        let curl = ["ip", "netns", "exec", &container, "curl", "-s", "-m", "3"];
        let url = format!("http://{}/", place.world.internet.http_v4());
        let page = host.try_exec(&[&curl[..], &[&url]].concat(), Duration::from_secs(20)).unwrap();
        page.ok().then_some(page.stdout)
    };
    let to_container = || host.try_exec(&["ping", "-c1", "-W2", "172.29.0.2"], Duration::from_secs(20)).unwrap().ok();
    let to_neighbour =
        || host.try_exec(&["ping", "-c1", "-W2", &NEIGHBOUR.to_string()], Duration::from_secs(20)).unwrap().ok();
    assert!(to_container(), "before lockdown");
    assert!(to_neighbour(), "before lockdown");
    assert!(seen_as().is_some(), "before lockdown");

    let capture = place.capture();
    device.cli(&["lockdown", "always", "--lan", "block", "--bridges", "allow"]).unwrap().success().unwrap();
    assert!(to_container() && !to_neighbour());
    assert_eq!(seen_as(), None, "a container must not bypass lockdown");
    device.cli(&["connect"]).unwrap().success().unwrap();
    assert!(to_container() && !to_neighbour());
    let page = seen_as().unwrap();
    assert!(page.contains(&SERVER.v4.to_string()), "the container uses the tunnel: {page}");
    device.cli(&["lockdown", "--bridges", "block"]).unwrap().success().unwrap();
    assert!(!to_container() && seen_as().is_none());
    device.cli(&["lockdown", "--lan", "allow"]).unwrap().success().unwrap();
    assert!(to_container() && seen_as().is_some() && to_neighbour());
    let seen = capture.stop().unwrap();
    let others: Vec<_> = seen.lines().iter().filter(|line| !line.contains(&NEIGHBOUR.to_string())).collect();
    assert!(others.is_empty(), "{others:#?}");
    device.cli(&["disconnect"]).unwrap().success().unwrap();
    device.cli(&["lockdown", "off"]).unwrap().success().unwrap();
    assert!(seen_as().is_some() && to_container() && to_neighbour());
}
