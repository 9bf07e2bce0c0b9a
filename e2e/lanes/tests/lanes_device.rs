//! The device: which resolver it uses, and what leaves it while its helper is killed or its lane is switched.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tornado_e2e_harness::{Capture, DeviceProc, Host, SERVER, wait_for};
use tornado_e2e_lanes::world::World;

/// The provider's resolver, in the device's own network, so that it is reachable without a default route.
const NEIGHBOUR: &str = "198.51.100.254:53";
const OWN_RESOLVERS: &str = "search lab.example\nnameserver 198.51.100.254\n";
/// Filter for everything except WireGuard and the device API: nothing else may leave a device whose traffic belongs in
/// the tunnel.
const CLEAR: &str = "(tcp or udp) and not (host 203.0.113.10 and (udp port 51820 or udp port 51821 or tcp port 4605))";

/// The file that `ip netns exec` shows the host's programs as `/etc/resolv.conf`.
fn resolv_conf(host: &Host) -> PathBuf {
    PathBuf::from("/etc/netns").join(host.namespace()).join("resolv.conf")
}

fn resolvers(host: &Host) -> String {
    std::fs::read_to_string(resolv_conf(host)).unwrap()
}

/// A device with its own resolvers, before any change.
fn device(world: &World) -> DeviceProc {
    std::fs::write(resolv_conf(world.device_host(1).unwrap()), OWN_RESOLVERS).unwrap();
    world.enrolled(1).unwrap()
}

/// Sends datagrams and connects in both address families continuously, like programs that know nothing of tunnels.
struct Noise {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Noise {
    fn start(world: &World, host: &Host) -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let targets = [
            (world.internet.echo_v4(), world.internet.http_v4()),
            (world.internet.echo_v6(), SocketAddr::new(world.internet.echo_v6().ip(), 80)),
        ];
        let threads = targets.map(|(echo, page)| {
            let (host, stop, sent) = (host.clone(), stop.clone(), sent.clone());
            std::thread::spawn(move || host.enter(|| noise(echo, page, &stop, &sent)).unwrap())
        });
        Self { stop, sent, threads: threads.into() }
    }

    fn stop(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.sent.load(Ordering::SeqCst)
    }
}

fn noise(echo: SocketAddr, page: SocketAddr, stop: &AtomicBool, sent: &AtomicUsize) {
    let any: SocketAddr = if echo.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let mut round = 0u32;
    while !stop.load(Ordering::SeqCst) {
        // A new socket each time, so that route and source address are selected again.
        if let Ok(socket) = UdpSocket::bind(any) {
            // An error from the routing table counts as a try too.
            let _ = socket.send_to(b"noise", echo);
            sent.fetch_add(1, Ordering::SeqCst);
        }
        // Queries are also sent past every setting.
        if let Ok(socket) = UdpSocket::bind(any) {
            let _ = socket.send_to(b"\0\0\0\0", SocketAddr::new(echo.ip(), 53));
        }
        round += 1;
        if round.is_multiple_of(20) {
            let _ = TcpStream::connect_timeout(&page, Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn watch(host: &Host) -> Capture {
    host.capture("eth0", CLEAR).unwrap()
}

fn nothing_left(capture: Capture, when: &str) {
    let seen = capture.stop().unwrap();
    assert_eq!(seen.count(), 0, "{when}: {:?}", &seen.lines()[..seen.count().min(10)]);
}

fn seen_as(world: &World, device: &DeviceProc) -> Option<IpAddr> {
    let page = device.host().http_get_within(world.internet.http_v4(), "/", Duration::from_secs(2));
    page.ok()?.seen_as().ok()
}

/// Queries a resolver in the device's own network, once over the routing table and once bound to the uplink.
fn ask_the_neighbour(host: &Host) {
    host.enter(|| {
        let to: SocketAddr = NEIGHBOUR.parse().unwrap();
        for bound in [false, true] {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
            if bound {
                socket.bind_device(Some(b"eth0")).unwrap();
            }
            // An error is as good as a redirected query.
            let _ = socket.send_to(b"\0\0\0\0", &to.into());
            let stream = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            if bound {
                stream.bind_device(Some(b"eth0")).unwrap();
            }
            let _ = stream.connect_timeout(&to.into(), Duration::from_millis(200));
        }
    })
    .unwrap();
}

#[test]
fn names_are_asked_of_the_lane_and_of_nobody_else() {
    let world = World::up(1, "").unwrap();
    let mut device = device(&world);
    let host = device.host().clone();

    device.cli(&["connect", "--lane", "tor"]).unwrap().success().unwrap();
    let status = device.json(&["status"]).unwrap();
    assert_eq!(status["names"][0], "10.9.0.1", "{status}");
    let text = resolvers(&host);
    assert!(text.contains("nameserver 10.9.0.1\n") && !text.contains("198.51.100.254") && !text.contains("search"));
    let (outside, inside) = (host.capture("eth0", "port 53 or port 853").unwrap(), inside(&host));
    ask_the_neighbour(&host);
    inside.wait_for(1, Duration::from_secs(3)).unwrap();
    nothing_left(outside, "a DNS query left outside the tor lane");
    drop(inside);

    // Another program's settings do not stay while the tunnel is up, and are restored afterwards.
    std::fs::write(resolv_conf(&host), "nameserver 198.51.100.253\n").unwrap();
    wait_for("the lane's resolver to be restored", Duration::from_secs(5), || {
        Ok(resolvers(&host).contains("10.9.0.1").then_some(()))
    })
    .unwrap();
    std::fs::write(resolv_conf(&host), OWN_RESOLVERS).unwrap();
    wait_for("the lane's resolver to be restored", Duration::from_secs(5), || {
        Ok(resolvers(&host).contains("10.9.0.1").then_some(()))
    })
    .unwrap();

    // The direct lane of this server has no resolver: the device's own resolvers stay in use.
    device.cli(&["lane", "direct"]).unwrap().success().unwrap();
    let status = device.json(&["status"]).unwrap();
    if status["names"].as_array().is_some_and(Vec::is_empty) {
        assert_eq!(resolvers(&host), OWN_RESOLVERS);
        assert!(device.cli(&["status"]).unwrap().stdout.contains("this device's own resolvers"));
        let outside = host.capture("eth0", "udp port 53").unwrap();
        ask_the_neighbour(&host);
        outside.wait_for(1, Duration::from_secs(3)).unwrap();
    }

    device.cli(&["lane", "tor"]).unwrap().success().unwrap();
    assert!(resolvers(&host).contains("10.9.0.1"));
    device.cli(&["disconnect"]).unwrap().success().unwrap();
    assert_eq!(resolvers(&host), OWN_RESOLVERS);
    assert!(!host.exec(&["nft", "list", "tables"]).unwrap().stdout.contains("tornado"));

    // The same after a crash, even if no tunnel was restored.
    device.cli(&["connect", "--lane", "tor"]).unwrap().success().unwrap();
    device.kill_helper();
    assert!(resolvers(&host).contains("10.9.0.1"));
    device.start_helper().unwrap();
    device.cli(&["disconnect"]).unwrap().success().unwrap();
    assert_eq!(resolvers(&host), OWN_RESOLVERS);
}

fn inside(host: &Host) -> Capture {
    host.capture("tornado0", "port 53").unwrap()
}

#[test]
fn a_killed_helper_releases_no_traffic() {
    let world = World::up(1, "").unwrap();
    let mut device = device(&world);
    let host = device.host().clone();
    device.cli(&["connect"]).unwrap().success().unwrap();
    let (noise, capture) = (Noise::start(&world, &host), watch(&host));

    for round in 1..=3 {
        device.kill_helper();
        std::thread::sleep(Duration::from_millis(500));
        let begun = Instant::now();
        device.start_helper().unwrap();
        let state = wait_for("the tunnel to reconnect", Duration::from_secs(20), || {
            let status = device.json(&["status"])?;
            let state = status["state"].as_str().unwrap_or_default().to_owned();
            assert!(["blocked", "connecting", "connected"].contains(&state.as_str()), "{status}");
            assert!(status["lockdown"] == true || state == "connected", "{status}");
            Ok((state == "connected").then_some(state))
        });
        state.unwrap();
        println!("round {round}: reconnected {:?} after the helper's start", begun.elapsed());
        assert_eq!(seen_as(&world, &device), Some(IpAddr::from(SERVER.v4)));
    }

    // The server is stopped too: traffic stays blocked until it is back, and the status says so.
    let edge = nix::unistd::Pid::from_raw(world.server.pid_of("client-api").unwrap().cast_signed());
    nix::sys::signal::kill(edge, nix::sys::signal::Signal::SIGSTOP).unwrap();
    device.kill_helper();
    device.start_helper().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let status = device.json(&["status"]).unwrap();
    assert_eq!((status["state"].as_str(), status["lockdown"].as_bool()), (Some("blocked"), Some(true)), "{status}");
    assert_eq!(seen_as(&world, &device), None);
    nix::sys::signal::kill(edge, nix::sys::signal::Signal::SIGCONT).unwrap();
    wait_for("the tunnel to reconnect when the server is back", Duration::from_secs(60), || {
        Ok((device.json(&["status"])?["state"] == "connected").then_some(()))
    })
    .unwrap();

    // The desired state is unreadable: traffic stays blocked until the user decides.
    device.kill_helper();
    std::fs::write(device.state_dir().join("wanted.json"), "{").unwrap();
    device.start_helper().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let status = device.json(&["status"]).unwrap();
    assert_eq!((status["state"].as_str(), status["lockdown"].as_bool()), (Some("blocked"), Some(true)), "{status}");
    assert_eq!(seen_as(&world, &device), None);

    // The same with the whole store: a disconnect cannot know what it would release; a logout starts from scratch.
    device.kill_helper();
    std::fs::write(device.state_dir().join("state.json"), "{").unwrap();
    device.start_helper().unwrap();
    device.cli(&["disconnect"]).unwrap();
    let status = device.json(&["status"]).unwrap();
    assert_eq!((status["state"].as_str(), status["lockdown"].as_bool()), (Some("blocked"), Some(true)), "{status}");
    assert_eq!(seen_as(&world, &device), None);

    let sent = noise.stop();
    println!("{sent} datagrams were attempted meanwhile");
    assert!(sent > 500, "too few datagrams were attempted: {sent}");
    nothing_left(capture, "while the helper was killed and the store unreadable");
    device.cli(&["logout"]).unwrap().success().unwrap();
    assert_eq!(seen_as(&world, &device), Some("198.51.100.1".parse().unwrap()));
    assert_eq!(resolvers(&host), OWN_RESOLVERS);
}

#[test]
fn fifty_switches_of_lanes_under_traffic_emit_nothing_outside() {
    let world = World::up(1, "").unwrap();
    let device = device(&world);
    let host = device.host().clone();
    device.cli(&["connect"]).unwrap().success().unwrap();
    let (noise, capture) = (Noise::start(&world, &host), watch(&host));
    let mut slowest = Duration::ZERO;
    for round in 0..50 {
        let lane = if round % 2 == 0 { "tor" } else { "direct" };
        let begun = Instant::now();
        let status = device.json(&["lane", lane]).unwrap();
        slowest = slowest.max(begun.elapsed());
        assert_eq!((status["state"].as_str(), status["lane"].as_str()), (Some("connected"), Some(lane)), "{status}");
    }
    let sent = noise.stop();
    println!("50 switches, the slowest in {slowest:?}; {sent} datagrams were sent meanwhile");
    assert!(sent > 500, "too few datagrams were sent: {sent}");
    nothing_left(capture, "while lanes were switched");
    assert_eq!(seen_as(&world, &device), Some(IpAddr::from(SERVER.v4)));
    assert_eq!(world.sessions().unwrap().len(), 1, "the session must stay the same");
}
