//! Interference by other programs and hostile networks with a connected tunnel, checked by a capture of the uplink
//! under traffic.

#![expect(clippy::disallowed_methods, reason = "waits between threads of the test")]

use super::support::{
    INTERNET, LAN, World, beside, block_on, clear, internet, patient, seen_bound, seen_by, settings, sh, through,
};
use std::fs::File;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tornado_shared::model::Lane;
use tornado_tunnel::Tunnel;
use tornado_tunnel::os::linux::Linux;
use tornado_tunnel::state::{Phase, View};

/// All packets except the tunnel's own.
const CLEAR: &str = "(tcp or udp) and not (udp port 51820 or udp port 51821)";
/// Our routing table, as `ip route` expects it.
const TABLE: &str = "29807";

/// tcpdump on the other end of the device's uplink.
struct Capture {
    tcpdump: Child,
    file: tempfile::NamedTempFile,
}

impl Capture {
    fn start(world: &World, filter: &str) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut tcpdump = Command::new("ip")
            .args(["netns", "exec", &format!("{}s", world.id), "tcpdump", "-l", "-n", "-q", "-t", "--immediate-mode"])
            .args(["-B", "8192", "-s", "128", "-Z", "root", "-i", "e0", filter])
            .stdout(File::create(file.path()).unwrap())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut report = std::io::BufReader::new(tcpdump.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            assert!(std::io::BufRead::read_line(&mut report, &mut line).unwrap() > 0, "tcpdump ended");
        }
        std::thread::spawn(move || std::io::copy(&mut report, &mut std::io::sink()));
        Self { tcpdump, file }
    }

    fn seen(&self) -> Vec<String> {
        std::thread::sleep(Duration::from_millis(200));
        let text = std::fs::read_to_string(self.file.path()).unwrap();
        text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    fn nothing(&self, when: &str) {
        let seen = self.seen();
        assert!(seen.is_empty(), "{when}: {} packets in the clear: {:?}", seen.len(), &seen[..seen.len().min(5)]);
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.tcpdump.kill();
        let _ = self.tcpdump.wait();
    }
}

/// Sends datagrams to the internet in both families continuously, half of them from sockets bound to the uplink.
struct Noise {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    thread: std::thread::JoinHandle<()>,
}

impl Noise {
    fn start() -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let thread = std::thread::spawn({
            let (stop, sent) = (stop.clone(), sent.clone());
            move || {
                while !stop.load(Ordering::SeqCst) {
                    send_everywhere();
                    sent.fetch_add(1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(3));
                }
            }
        });
        Self { stop, sent, thread }
    }

    fn stop(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap();
        self.sent.load(Ordering::SeqCst)
    }
}

fn send_everywhere() {
    for target in INTERNET {
        let target: SocketAddr = SocketAddr::new(target.parse().unwrap(), 7);
        for bound in [false, true] {
            let kind = socket2::Type::DGRAM;
            let socket = socket2::Socket::new(socket2::Domain::for_address(target), kind, None).unwrap();
            if bound {
                socket.bind_device(Some(b"e0")).unwrap();
            }
            // The attempt counts even if it is rejected.
            let _ = socket.send_to(b"noise", &target.into());
        }
    }
}

fn in_device(world: &World, commands: &str) -> impl FnOnce() + Send + use<> {
    let text = format!("ip netns exec {}d sh -ec '{commands}'", world.id);
    move || {
        sh(&text);
    }
}

/// Waits until traffic of both families leaves through the lane again.
async fn until_through(lane: Lane) -> Duration {
    let begun = Instant::now();
    while beside(internet).await != through(lane) {
        assert!(begun.elapsed() < patient(Duration::from_secs(10)), "the tunnel did not recover");
    }
    begun.elapsed()
}

/// Changes such as those that a network manager makes when it restarts.
fn disturbances() -> Vec<(&'static str, String)> {
    let families = ["ip", "ip -6"];
    let all = |text: &str| families.map(|ip| text.replace("IP", ip)).join("; ");
    let lines = [
        "addr add 203.0.113.77/32 dev e0",
        "rule flush",
        "rule add pref 32766 lookup main",
        "rule add pref 32767 lookup default",
        "",
    ];
    vec![
        (
            "the routing rules",
            all("IP rule flush; IP rule add pref 32766 lookup main") + "; ip rule add pref 32767 lookup default",
        ),
        // An address that appears at the same time changes the rules, too.
        ("the routing rules", format!("printf \"{}\" | ip -batch -", lines.join("\\n"))),
        ("the firewall", "nft flush ruleset".into()),
        ("the firewall", "nft delete chain inet tornado_device leaving".into()),
        ("the interface", "ip link set ttun0 down".into()),
        ("the interface", "ip addr flush dev ttun0".into()),
        ("the routes", all(&format!("IP route flush table {TABLE}"))),
        ("the routes", format!("ip route add 198.51.100.0/25 via 192.0.2.1 table {TABLE}")),
        ("routing rule 100", all("IP rule add pref 100 lookup main")),
    ]
}

#[test]
fn changes_by_other_programs_are_reverted_without_a_leak() {
    let world = World::new("g");
    world.tell_addresses();
    let before = world.rules();
    let plan = world.plan(Lane::Tor);
    let control = Capture::start(&world, CLEAR);
    let steps: Vec<_> = disturbances().into_iter().map(|(what, text)| (what, in_device(&world, &text), text)).collect();
    let undo = in_device(&world, "ip rule del pref 100; ip -6 rule del pref 100");
    let remove = in_device(&world, "ip link del ttun0");
    world.within_scope("d", || {
        block_on(async {
            send_everywhere();
            assert!(control.seen().len() >= 4, "the capture does not see outgoing packets");
            let (tunnel, task) = Tunnel::start(Box::new(Linux::open(settings()).await.unwrap()), None);
            assert_eq!(tunnel.connect(plan.clone()).await.unwrap().phase, Phase::Connected);
            let capture = Capture::start(&world, CLEAR);
            let noise = Noise::start();
            let mut undo = Some(undo);
            for (what, disturb, text) in steps {
                let mut watch = tunnel.watch();
                let before = watch.borrow().disturbances;
                beside(disturb).await;
                let begun = Instant::now();
                // The previous change may be restored and reported again first.
                let is_named = |view: &View| view.disturbed.as_ref().is_some_and(|report| report.contains(what));
                let found = watch.wait_for(|view| view.disturbances > before && is_named(view));
                let found = tokio::time::timeout(patient(Duration::from_secs(10)), found).await;
                let is_found = found.is_ok_and(|found| found.is_ok());
                assert!(is_found, "{text}: {:?}", tunnel.watch().borrow().disturbed);
                println!("{text}: reported {:?} after", begun.elapsed());
                if what == "routing rule 100" {
                    assert_ne!(beside(internet).await, clear(), "another program's rule leads past the tunnel");
                    beside(undo.take().unwrap()).await;
                }
                println!("{text}: traffic again {:?} later", until_through(Lane::Tor).await);
                capture.nothing(&text);
                assert_eq!(tunnel.watch().borrow().phase, Phase::Connected, "{text}");
            }
            // An interface that disappeared cannot be restored, so traffic is blocked.
            beside(remove).await;
            let mut watch = tunnel.watch();
            let fallen = watch.wait_for(|v| v.phase == Phase::Blocked && v.lockdown);
            tokio::time::timeout(patient(Duration::from_secs(10)), fallen).await.unwrap().unwrap();
            assert_eq!(beside(internet).await, [None, None]);
            let view = tunnel.connect(plan).await.unwrap();
            assert_eq!(view.phase, Phase::Connected, "{view:?}");
            until_through(Lane::Tor).await;
            let sent = noise.stop();
            assert!(sent > 100, "too few datagrams were sent: {sent}");
            capture.nothing("at the end");
            assert_eq!(tunnel.disconnect().await.unwrap().phase, Phase::Disconnected);
            assert_eq!(beside(internet).await, clear());
            drop(tunnel);
            task.await.unwrap();
        });
    });
    assert!(
        !sh(&format!("ip netns exec {}d nft list tables", world.id)).contains("tornado"),
        "a table was not removed"
    );
    assert_eq!(world.rules(), before);
}

#[test]
fn routes_of_a_hostile_network_do_not_bypass_the_tunnel() {
    let world = World::new("h");
    world.tell_addresses();
    let plan = world.plan(Lane::Tor);
    let arp = |address: &str| {
        sh(&format!(
            "ip -n {0}s route replace {address}/32 dev e0 metric 5; ip -n {0}s neigh flush dev e0
             ip netns exec {0}s ping -c 1 -W 1 -I e0 {address} >/dev/null || true
             ip -n {0}s neigh show {address} dev e0",
            world.id
        ))
    };
    let echoes = || sh(&format!("ip netns exec {}d cat /proc/net/snmp | grep ^Icmp: | tail -1", world.id));
    let hostile = in_device(
        &world,
        &format!(
            // DHCP option 121, a router advertisement, and a prefix that claims to be local (TunnelVision, LocalNet).
            "ip route add 0.0.0.0/1 via {LAN}.1; ip route add 198.51.100.1/32 via {LAN}.1
             ip -6 route add 2001:db8:ffff::/64 via 2001:db8::1; ip addr add 198.51.100.77/24 dev e0"
        ),
    );
    world.within_scope("d", || {
        block_on(async {
            sh(&format!("ip -n {}d addr add 10.99.0.2/32 dev lo", world.id));
            assert!(arp("10.99.0.2").contains("lladdr"), "ARP requests for an address of the device are not answered");
            let (tunnel, task) = Tunnel::start(Box::new(Linux::open(settings()).await.unwrap()), None);
            let view = tunnel.connect(plan).await.unwrap();
            assert_eq!(view.phase, Phase::Connected, "{view:?}");
            let lan = format!("{LAN}.1:80");
            let host: Option<std::net::IpAddr> = Some(format!("{LAN}.2").parse().unwrap());
            assert_eq!(
                beside(move || seen_by(&lan)).await,
                host,
                "the local network is reached directly, not through the server"
            );

            let capture = Capture::start(&world, &format!("{CLEAR} and not arp"));
            beside(hostile).await;
            let noise = Noise::start();
            assert_eq!(beside(internet).await, through(Lane::Tor));
            for target in [format!("{}:80", INTERNET[0]), format!("[{}]:80", INTERNET[1])] {
                assert_eq!(beside(move || seen_bound(&target)).await, None);
            }
            // No DNS, mDNS or LLMNR query is sent to the local network.
            for to in
                [format!("{LAN}.1:53"), format!("{LAN}.1:5353"), "224.0.0.251:5353".into(), "224.0.0.252:5355".into()]
            {
                for bound in [false, true] {
                    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
                    if bound {
                        socket2::SockRef::from(&socket).bind_device(Some(b"e0")).unwrap();
                    }
                    let _ = socket.send_to(b"\0\0\0\0", to.parse::<SocketAddr>().unwrap());
                }
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            noise.stop();
            capture.nothing("with routes of a hostile network");

            // The inner address is neither announced to the network nor reachable from it.
            assert!(!arp("10.9.0.2").contains("lladdr"), "an ARP request for the inner address was answered");
            let before = echoes();
            sh(&format!(
                "mac=$(ip netns exec {0}d cat /sys/class/net/e0/address)
                 ip -n {0}s neigh replace 10.9.0.2 lladdr $mac dev e0
                 ip netns exec {0}s ping -c 2 -i 0.2 -W 1 -I e0 10.9.0.2 >/dev/null && exit 1 || true",
                world.id
            ));
            assert_eq!(echoes(), before, "a packet from the local network reached the inner address");
            drop(tunnel);
            task.await.unwrap();
        });
    });
}

#[test]
fn without_a_network_the_tunnel_does_not_carry_itself() {
    let world = World::new("i");
    world.tell_addresses();
    let plan = world.plan(Lane::Direct);
    let cut = in_device(
        &world,
        "ip route del default; ip -6 route del default; ip route del 192.0.2.0/24; ip route del 192.168.77.0/24",
    );
    let mend = in_device(
        &world,
        "ip route add 192.0.2.0/24 dev e0; ip route add default via 192.0.2.1; ip -6 route add default via 2001:db8::1",
    );
    let sent = || -> u64 {
        let text = sh(&format!("ip netns exec {}d cat /sys/class/net/ttun0/statistics/tx_packets", world.id));
        text.trim().parse().unwrap()
    };
    world.within_scope("d", || {
        block_on(async {
            let (tunnel, task) = Tunnel::start(Box::new(Linux::open(settings()).await.unwrap()), None);
            let view = tunnel.connect(plan).await.unwrap();
            assert_eq!(view.phase, Phase::Connected, "{view:?}");
            beside(cut).await;
            let mut watch = tunnel.watch();
            let gone = watch.wait_for(|view| view.observed.no_network);
            tokio::time::timeout(patient(Duration::from_secs(10)), gone).await.unwrap().unwrap();
            // One looping packet would be enough; ten are sent.
            let before = sent();
            for _ in 0..10 {
                send_everywhere();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let looped = sent() - before;
            assert!(looped < 200, "{looped} packets entered the tunnel");
            beside(mend).await;
            let mut watch = tunnel.watch();
            let back = watch.wait_for(|view| !view.observed.no_network);
            tokio::time::timeout(patient(Duration::from_secs(10)), back).await.unwrap().unwrap();
            until_through(Lane::Direct).await;
            drop(tunnel);
            task.await.unwrap();
        });
    });
}
