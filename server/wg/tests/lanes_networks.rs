//! Destinations of the direct lane: devices reach the internet and no network of the server, whatever rules other
//! programs add. Each target answers every client, and the test shows that it answers others.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's failure")]

mod lanes_support;

use lanes_support::up::up_with;
use lanes_support::{INTERNET4, INTERNET6, Lab, Ns, eventually, sync};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;
use tornado_contracts::wg::Wg as _;
use tornado_rpc::NoInput;
use tornado_shared::model::Lane;

/// Addresses of a machine next to the server, behind an interface other than that of the default route.
const PRIVATE: [&str; 10] = [
    "192.168.7.9",
    "10.77.0.9",
    "100.99.0.9",
    "169.254.169.254",
    "203.0.113.9",
    "fd12::9",
    "2001:db8:77::9",
    "64:ff9b::c0a8:709",
    "64:ff9b:1::9",
    "2002:c0a8:709::9",
];
const ALLOWED: [&str; 2] = ["192.168.77.9", "fd77::9"];
const CONTAINER: &str = "172.17.0.2";

/// Rules by which container software publishes a port.
const PUBLISHED_BEFORE: &str = "add table ip before; \
    add chain ip before pre { type nat hook prerouting priority -100; }; \
    add rule ip before pre tcp dport 8080 fib daddr type local dnat to 172.17.0.2:80; \
    add chain ip before way { type filter hook forward priority -200; }; add rule ip before way accept";
/// The same at the lowest priority that the kernel allows, added after the service's rules.
const PUBLISHED_AFTER: &str = "add table ip after; \
    add chain ip after pre { type nat hook prerouting priority -150; }; \
    add rule ip after pre tcp dport 8081 fib daddr type local dnat to 172.17.0.2:80; \
    add chain ip after first { type nat hook prerouting priority -199; }; \
    add rule ip after first tcp dport 8082 fib daddr type local dnat to 172.17.0.2:80; \
    add rule ip after first ip daddr 198.51.100.2 tcp dport 8083 dnat to 172.17.0.2:80; \
    add chain ip after way { type filter hook forward priority -300; }; add rule ip after way accept";

/// Starts a server that greets every client.
fn serve_greeting(ns: &Ns, at: &'static str) {
    let listener = ns.run(move || TcpListener::bind(at).unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"hello");
        }
    });
}

/// True if a server greeted; a connection that is reset does not count.
fn is_reachable(ns: &Ns, address: &str, port: u16) -> bool {
    let to = SocketAddr::new(address.parse().unwrap(), port);
    ns.run(move || {
        let Ok(mut stream) = TcpStream::connect_timeout(&to, Duration::from_secs(3)) else { return false };
        stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        std::io::Read::read_exact(&mut stream, &mut [0; 5]).is_ok()
    })
}

/// A container and a second network of the server.
struct Neighbours {
    container: Ns,
    lan: Ns,
}

impl Neighbours {
    fn of(lab: &Lab) -> Self {
        let (container, lan) = (Ns::new("box"), Ns::new("lan"));
        lanes_support::wire(&container, "eth0", &["172.17.0.2/16"], &lab.server, "docker0", &["172.17.0.1/16"]);
        container.ok("ip route add default via 172.17.0.1");
        lanes_support::wire(&lan, "eth0", &[], &lab.server, "lan0", &[]);
        for address in PRIVATE.iter().chain(&ALLOWED) {
            let (length, own) = if address.contains(':') { (64, "::1") } else { (24, ".1") };
            lan.ok(&format!("ip address add {address}/{length} dev eth0 nodad"));
            let cut = address.rfind([':', '.']).unwrap();
            let own = match *address {
                "64:ff9b::c0a8:709" => "64:ff9b::1".to_owned(),
                address => format!("{}{own}", address[..cut].trim_end_matches(':')),
            };
            lab.server.ok(&format!("ip address add {own}/{length} dev lan0 nodad"));
        }
        for ns in [&container, &lan, &lab.internet] {
            serve_greeting(ns, "[::]:80");
        }
        Self { container, lan }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_reach_the_internet_and_no_network_of_the_server() {
    let mut neighbours = None;
    let up = up_with(|lab| {
        lab.wiring.lanes.allow_networks = ["192.168.77.0/24", "fd77::/64"].map(|net| net.parse().unwrap()).into();
        neighbours = Some(Neighbours::of(lab));
        // As the container software does.
        lab.server.ok("sysctl -qw net.ipv4.ip_forward=1");
        lab.server.ok(&format!("nft '{PUBLISHED_BEFORE}'"));
    });
    let Some((lab, service, client, status)) = up.await else { return };
    let Neighbours { container, lan } = neighbours.unwrap();
    let device = lab.device();
    sync(&client, vec![device.spec(&lab)]).await;
    let tunnel = device.connect(&lab, &status, Lane::Direct);
    for net in ["192.168.0.0/16", "10.77.0.0/16", "100.99.0.0/16", "169.254.0.0/16", "172.17.0.0/16"] {
        device.ns.ok(&format!("ip route add {net} dev {} src 10.8.0.2", tunnel.name));
    }
    for net in ["fd12::/64", "fd77::/64", "2001:db8:77::/64", "64:ff9b::/32", "2002::/16"] {
        device.ns.ok(&format!("ip -6 route add {net} dev {} src fd74:6f72:6e61:8::2", tunnel.name));
    }
    lab.server.ok(&format!("nft '{PUBLISHED_AFTER}'"));

    // The targets work: the server reaches them, and hosts outside reach the published ports.
    for address in PRIVATE.into_iter().chain(ALLOWED).chain([CONTAINER]) {
        assert!(is_reachable(&lab.server, address, 80), "{address} does not answer the server");
    }
    for port in [8080, 8081, 8082] {
        assert!(is_reachable(&lab.internet, "198.51.100.1", port), "port {port} is not published");
    }
    for address in [INTERNET4, INTERNET6].into_iter().chain(ALLOWED) {
        assert!(is_reachable(&device.ns, address, 80), "{address} cannot be reached");
    }
    for address in PRIVATE.into_iter().chain([CONTAINER]) {
        assert!(!is_reachable(&device.ns, address, 80), "{address} can be reached through the direct lane");
    }
    for port in [8080, 8081, 8082] {
        for address in ["198.51.100.1", "10.8.0.1", "172.17.0.1", "192.168.7.1"] {
            assert!(
                !is_reachable(&device.ns, address, port),
                "{address}:{port} can be reached through the direct lane"
            );
        }
    }
    assert!(!is_reachable(&device.ns, INTERNET4, 8083), "another program redirected a flow of the lane");

    // A new uplink is adopted, and its removal, too.
    lab.server.ok("ip route add default via 203.0.113.9 dev lan0 metric 500");
    let wait = Duration::from_secs(3);
    eventually(wait, async || is_reachable(&device.ns, "203.0.113.9", 80)).await;
    assert!(!is_reachable(&device.ns, "192.168.7.9", 80));
    lab.server.ok("ip route del default via 203.0.113.9 dev lan0 metric 500");
    eventually(wait, async || !is_reachable(&device.ns, "203.0.113.9", 80)).await;
    let status = client.status(NoInput {}).await.unwrap();
    assert!(status.firewall_verified && status.canary.alarms == 0, "{status:?}");
    drop((tunnel, container, lan));
    service.stop().unwrap();
}

/// Two guests on a bridge that is one of the server's uplinks, as on a host of virtual machines. With br_netfilter the
/// kernel passes frames between them to the firewall.
struct Bridge {
    guests: [Ns; 2],
}

/// Counts the bridge's packets that the firewall sees.
const SEEN: &str = "add table inet seen; add chain inet seen way { type filter hook forward priority -20; }; \
    add rule inet seen way iifname br0 oifname br0 ct state new counter";

impl Bridge {
    /// `None`, with a message, if this kernel has no bridges or does not pass their frames to the firewall.
    fn of(lab: &Lab) -> Option<Self> {
        let is_there = lab.server.sh("ip link add br0 type bridge").status.success();
        if !is_there || !lab.server.sh("sysctl -qw net.bridge.bridge-nf-call-iptables=1").status.success() {
            eprintln!("SKIPPED: this kernel has no bridges or does not pass their frames to the firewall");
            return None;
        }
        lab.server.ok("sysctl -qw net.bridge.bridge-nf-call-ip6tables=1");
        lab.server.ok("ip address add 192.168.88.1/24 dev br0");
        lab.server.ok("ip -6 address add 2001:db8:88::1/64 dev br0 nodad");
        lab.server.ok("ip link set br0 up");
        lab.server.ok("ip route add default via 192.168.88.2 dev br0 metric 600");
        let guest = |number: u8| {
            let (ns, port) = (Ns::new("guest"), format!("port{number}"));
            let (v4, v6) = (format!("192.168.88.{number}/24"), format!("2001:db8:88::{number}/64"));
            lanes_support::wire(&ns, "eth0", &[v4.as_str(), v6.as_str()], &lab.server, &port, &[]);
            lab.server.ok(&format!("ip link set {port} master br0"));
            ns
        };
        let guests = [guest(2), guest(3)];
        serve_greeting(&guests[1], "[::]:80");
        // The host takes frames addressed to a port of the bridge, and routes them.
        let link = lab.server.ok("ip -o link show port2");
        let mut words = link.split_whitespace().skip_while(|word| *word != "link/ether");
        let port = words.nth(1).unwrap_or_default();
        guests[0].ok(&format!("ip neigh replace 192.168.88.1 lladdr {port} dev eth0"));
        guests[0].ok("ip route add 192.168.7.0/24 via 192.168.88.1");
        Some(Self { guests })
    }

    /// A guest's way through the server to its second network.
    fn crosses(&self) -> bool {
        is_reachable(&self.guests[0], "192.168.7.9", 80)
    }

    /// For IPv4 and IPv6.
    fn passes(&self) -> [bool; 2] {
        ["192.168.88.3", "2001:db8:88::3"].map(|address| is_reachable(&self.guests[0], address, 80))
    }
}

/// Whether another machine reaches the server's second network through the server, for IPv4 and IPv6.
fn crosses(lab: &Lab) -> [bool; 2] {
    ["192.168.7.9", "2001:db8:77::9"].map(|address| is_reachable(&lab.internet, address, 80))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_keeps_forwarding_for_the_lanes_only() {
    let (mut neighbours, mut bridge) = (None, None);
    let up = up_with(|lab| {
        for key in ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"] {
            lab.server.ok(&format!("sysctl -qw {key}=0"));
        }
        let new = Neighbours::of(lab);
        new.lan.ok("ip route add default via 192.168.7.1");
        new.lan.ok("ip -6 route add default via 2001:db8:77::1");
        lab.internet.ok("ip route add 192.168.7.0/24 via 198.51.100.1");
        lab.internet.ok("ip -6 route add 2001:db8:77::/64 via 2001:db8:2::1");
        neighbours = Some(new);
        bridge = Bridge::of(lab);
    });
    let Some((lab, service, client, status)) = up.await else { return };
    let neighbours = neighbours.unwrap();
    let device = lab.device();
    sync(&client, vec![device.spec(&lab)]).await;
    let tunnel = device.connect(&lab, &status, Lane::Direct);
    let setting = |key: &str| lab.server.ok(&format!("cat /proc/sys/net/{key}")).trim().to_owned();
    let all = ["ipv4/conf/all", "ipv4/conf/up0", "ipv4/conf/lan0", "ipv6/conf/all", "ipv6/conf/lan0"];
    assert_eq!(all.map(|key| setting(&format!("{key}/forwarding"))), ["0", "1", "0", "1", "0"]);
    let kept = std::fs::read_to_string(lab.directory.path().join("forwarding.json")).unwrap();
    let ways = if bridge.is_some() { r#""br0","up0""# } else { r#""up0""# };
    assert_eq!(kept, format!(r#"{{"v4":[{ways}],"v6":true}}"#));
    for address in [INTERNET4, INTERNET6] {
        assert!(is_reachable(&device.ns, address, 80), "{address} cannot be reached");
    }
    assert_eq!(crosses(&lab), [false; 2], "another host uses the server as a router");
    if let Some(bridge) = &bridge {
        lab.server.ok(&format!("nft '{SEEN}'"));
        assert_eq!(bridge.passes(), [true; 2], "guests of a bridge cannot reach each other");
        assert!(!bridge.crosses(), "a guest uses the server as a router");
        let seen = lab.server.ok("nft list table inet seen");
        assert!(
            seen.contains("counter packets") && !seen.contains("packets 0 "),
            "the firewall did not see the frames: {seen}"
        );
    }

    // Another program disables forwarding for all interfaces; devices are interrupted only briefly.
    let wait = Duration::from_secs(2);
    for (key, address) in [("net.ipv4.ip_forward", INTERNET4), ("net.ipv6.conf.all.forwarding", INTERNET6)] {
        let value = if key.contains("ipv4") { "1" } else { "0" };
        // Writing the current value still resets each interface.
        lab.server.ok(&format!("sysctl -qw {key}={value}"));
        lab.server.ok(&format!("sysctl -qw {key}=0"));
        let took = eventually(wait, async || {
            setting("ipv4/conf/wg0/forwarding") == "1" && setting("ipv6/conf/all/forwarding") == "1"
        });
        eprintln!("{key}: enabled again after {:?}", took.await);
        eventually(wait, async || is_reachable(&device.ns, address, 80)).await;
    }
    eventually(wait, async || crosses(&lab) == [false; 2]).await;

    // A program that needs forwarding itself, such as container software, neither breaks the lanes nor is blocked by
    // them.
    lab.server.ok("sysctl -qw net.ipv4.ip_forward=1");
    lab.server.ok("sysctl -qw net.ipv6.conf.all.forwarding=1");
    eventually(wait, async || crosses(&lab) == [true; 2] && bridge.as_ref().is_none_or(Bridge::crosses)).await;
    assert!(client.status(NoInput {}).await.unwrap().firewall_verified);
    drop((tunnel, neighbours, bridge));
    service.stop().unwrap();
}
