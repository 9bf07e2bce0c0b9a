//! A device in a local network, its noise, and a capture of everything that leaves it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tornado_e2e_harness::lan::{Lan, NEIGHBOUR, ROUTER};
use tornado_e2e_harness::{Capture, DeviceProc, Host, Programs, SERVER, wait_for};
use tornado_e2e_lanes::world::World;

/// What the policy names, besides the tunnel: address configuration, neighbour discovery, multicast membership.
const NAMED: &str = "not arp and not igmp and not (ip6 and ip6[6] = 0) \
                     and not (icmp6 and ip6[40] >= 133 and ip6[40] <= 136) \
                     and not (udp and src port 68 and dst port 67) \
                     and not (dst host 203.0.113.10 and (udp port 51820 or udp port 51821 or tcp port 4605)) \
                     and not (dst host 2001:db8:113::10 and (udp port 51820 or udp port 51821 or tcp port 4605))";

/// A device in a local network that the test controls.
pub struct Place {
    pub world: World,
    pub lan: Lan,
    pub host: Host,
    mac: String,
}

impl Place {
    pub fn new() -> Self {
        let world = World::up(1, "").unwrap();
        let lan = Lan::around(&world.lab, 1).unwrap();
        let host = world.device_host(1).unwrap().clone();
        let mac = host.exec(&["cat", "/sys/class/net/eth0/address"]).unwrap().stdout.trim().to_owned();
        Self { world, lan, host, mac }
    }

    pub fn device(&self) -> DeviceProc {
        DeviceProc::start(&self.host, Programs::beside()).unwrap()
    }

    /// Everything that the device sends and the policy does not name, at the other end of its uplink.
    pub fn capture(&self) -> Capture {
        self.lan.router().capture("port1", &format!("ether src {} and {NAMED}", self.mac)).unwrap()
    }

    /// The address as which the internet sees the device.
    pub fn seen_as(&self) -> Option<IpAddr> {
        let page = self.host.http_get_within(self.world.internet.http_v4(), "/", Duration::from_secs(2));
        page.ok()?.seen_as().ok()
    }

    pub fn noise(&self) -> Noise {
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
    pub fn power_off(&self) {
        let words = "ip link set eth0 down; nft flush ruleset; ip rule flush protocol 116; \
            ip -6 rule flush protocol 116; ip route flush table 29807; ip -6 route flush table 29807";
        self.host.exec(&["sh", "-c", words]).unwrap();
    }
}

/// Programs that know nothing of tunnels: datagrams, connections, queries and raw packets, half of them bound to the
/// uplink.
pub struct Noise {
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
    pub fn rounds(&self, count: usize) {
        let until = self.sent.load(Ordering::SeqCst) + count;
        wait_for("noise", Duration::from_secs(30), || Ok((self.sent.load(Ordering::SeqCst) >= until).then_some(())))
            .unwrap();
    }

    /// Number of rounds so far.
    pub fn count(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    pub fn stop(self) -> usize {
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

pub fn nothing_so_far(capture: &Capture, noise: &Noise, when: &str) {
    noise.rounds(10);
    std::thread::sleep(Duration::from_millis(100));
    let seen = capture.so_far().unwrap();
    assert_eq!(seen.count(), 0, "{when}: {:#?}", &seen.lines()[..seen.count().min(10)]);
}

/// Returns whether the firewall is in place.
pub fn has_table(host: &Host) -> bool {
    host.exec(&["nft", "list", "tables"]).unwrap().stdout.contains("inet tornado_device")
}
