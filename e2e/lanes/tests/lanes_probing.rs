//! Attacks from a neighbour, and attempts of an ordinary user's programs, against a connected device.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tornado_e2e_harness::lan::{LEASED, Lan, NEIGHBOUR};
use tornado_e2e_harness::{DeviceProc, Host, INTERNET, SERVER, wait_for};
use tornado_e2e_lanes::world::World;

/// Python's names for one probe each, with the destination as `to`. A raw TCP segment without options.
const PROBES: &str = "
import socket as s, struct, sys
to, own = sys.argv[1], sys.argv[2]
v6 = ':' in to
family = s.AF_INET6 if v6 else s.AF_INET
def checksum(data):
    data += b'\\0' * (len(data) % 2)
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
def tcp(flags, port):
    head = struct.pack('!HHIIBBHHH', 4321, port, 7, 9, 5 << 4, flags, 1024, 0, 0)
    addresses = s.inet_pton(family, own) + s.inet_pton(family, to)
    pseudo = addresses + (struct.pack('!IHBB', 20, 0, 0, 6) if v6 else struct.pack('!BBH', 0, 6, 20))
    return head[:16] + struct.pack('!H', checksum(pseudo + head)) + head[18:]
raw = s.socket(family, s.SOCK_RAW, s.IPPROTO_TCP)
udp = s.socket(family, s.SOCK_DGRAM)
for port in (22, 80, 4605, 40000):
    for flags in (2, 18, 16, 4, 1, 0):
        raw.sendto(tcp(flags, port), (to, 0))
    udp.sendto(b'x', (to, port))
if not v6:
    echo = struct.pack('!BBHHH', 8, 0, 0, 1, 1)
    echo = echo[:2] + struct.pack('!H', checksum(echo)) + echo[4:]
    s.socket(family, s.SOCK_RAW, s.IPPROTO_ICMP).sendto(echo, (to, 0))
";

fn addresses(device: &DeviceProc) -> Vec<IpAddr> {
    let status = device.json(&["status"]).unwrap();
    status["addresses"].as_array().unwrap().iter().map(|at| at.as_str().unwrap().parse().unwrap()).collect()
}

/// The global addresses of the uplink.
fn uplink_v6(host: &Host, of: &str) -> Vec<String> {
    let words = ["ip", "-6", "-oneline", "addr", "show", "dev", "eth0", "scope", "global"];
    let text = host.exec(&words).unwrap().stdout;
    let lines = text.lines().filter(|line| line.contains(of) && !line.contains("tentative"));
    lines.filter_map(|line| Some(line.split_once("inet6 ")?.1.split('/').next()?.to_owned())).collect()
}

/// CVE-2019-14899: a neighbour infers inner addresses and connections from responses to forged packets.
#[test]
fn a_neighbour_gets_no_response_to_packets_for_inner_addresses() {
    let world = World::up(1, "").unwrap();
    let lan = Lan::around(&world.lab, 1).unwrap();
    let device = world.enrolled(1).unwrap();
    let host = device.host().clone();
    device.cli(&["connect"]).unwrap().success().unwrap();
    // An open connection, whose ports the attacker wants to learn.
    let open = host.enter(|| std::net::TcpStream::connect(world.internet.http_v4()).unwrap()).unwrap();
    let mac = host.exec(&["cat", "/sys/class/net/eth0/address"]).unwrap().stdout.trim().to_owned();
    let neighbour = lan.neighbour();
    let probe = |to: &IpAddr| {
        let to = to.to_string();
        if to != LEASED.to_string() {
            neighbour.exec(&["ip", "route", "replace", &to, "dev", "eth0"]).unwrap();
            neighbour.exec(&["ip", "neigh", "replace", &to, "lladdr", &mac, "dev", "eth0"]).unwrap();
        }
        let v6 = neighbour.exec(&["ip", "-6", "-oneline", "addr", "show", "dev", "eth0"]).unwrap().stdout;
        let link_local = v6.split_once("inet6 ").and_then(|(_, rest)| rest.split('/').next()).unwrap().to_owned();
        let own = if to.contains(':') { link_local } else { NEIGHBOUR.to_string() };
        neighbour.exec(&["/usr/bin/python3", "-c", PROBES, &to, &own]).unwrap();
    };
    let answers = || {
        let filter =
            format!("ether src {mac} and (tcp or udp or icmp or (icmp6 and (ip6[40] < 133 or ip6[40] > 136)))");
        neighbour.capture("eth0", &format!("{filter} and not port 67")).unwrap()
    };
    // The capture sees the responses of the device's own address.
    let control = answers();
    probe(&LEASED.into());
    control.wait_for(3, Duration::from_secs(5)).unwrap();
    drop(control);
    let inner = addresses(&device);
    assert!(inner.len() == 2, "{inner:?}");
    let capture = answers();
    for address in &inner {
        probe(address);
    }
    std::thread::sleep(Duration::from_millis(500));
    let seen = capture.stop().unwrap();
    assert_eq!(seen.count(), 0, "{:?}", seen.lines());
    drop(open);
}

/// Raw and packet sockets, marks, and interfaces that a program chooses.
#[test]
fn sockets_of_an_ordinary_user_do_not_bypass_the_tunnel() {
    let world = World::up(1, "").unwrap();
    let device = world.enrolled(1).unwrap();
    let host = device.host().clone();
    device.cli(&["connect"]).unwrap().success().unwrap();
    let script = format!(
        "
import socket as s
def refused(what, call):
    try: call()
    except PermissionError: return
    except OSError as error: print(what, error); return
    print(what, 'was permitted')
refused('packet', lambda: s.socket(s.AF_PACKET, s.SOCK_RAW, 0x300))
refused('packet of the link', lambda: s.socket(s.AF_PACKET, s.SOCK_DGRAM, 0x300))
refused('raw', lambda: s.socket(s.AF_INET, s.SOCK_RAW, s.IPPROTO_RAW))
refused('raw icmp', lambda: s.socket(s.AF_INET, s.SOCK_RAW, s.IPPROTO_ICMP))
refused('raw ipv6', lambda: s.socket(s.AF_INET6, s.SOCK_RAW, s.IPPROTO_ICMPV6))
u = s.socket(s.AF_INET, s.SOCK_DGRAM)
for mark in (0x746f, 0x7478): refused('mark', lambda: u.setsockopt(s.SOL_SOCKET, 36, mark))
refused('source', lambda: u.setsockopt(s.IPPROTO_IP, 19, 1))
for family, to in ((s.AF_INET, '{}'), (s.AF_INET6, '{}')):
    for port in (7, 53, 5353):
        b = s.socket(family, s.SOCK_DGRAM)
        b.setsockopt(s.SOL_SOCKET, s.SO_BINDTODEVICE, b'eth0')
        b.setsockopt(s.SOL_SOCKET, s.SO_PRIORITY, 6)
        try: b.sendto(b'x', (to, port))
        except OSError: pass
",
        INTERNET.v4, INTERNET.v6
    );
    let ids = ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"];
    let run = || {
        let words = [&["setpriv"][..], &ids, &["/usr/bin/python3", "-c", &script]].concat();
        host.exec(&words).unwrap().stdout
    };
    let filter = format!("host {} or host {}", INTERNET.v4, INTERNET.v6);
    let capture = host.capture("eth0", &filter).unwrap();
    assert_eq!(run(), "");
    std::thread::sleep(Duration::from_millis(300));
    let seen = capture.stop().unwrap();
    assert_eq!(seen.count(), 0, "{:?}", seen.lines());
    // Without the tunnel, the same program is seen.
    device.cli(&["disconnect"]).unwrap().success().unwrap();
    let control = host.capture("eth0", &filter).unwrap();
    run();
    control.wait_for(4, Duration::from_secs(5)).unwrap();
}

/// Temporary addresses (RFC 8981) that appear while the tunnel is up.
#[test]
fn temporary_ipv6_addresses_do_not_bypass_the_tunnel() {
    let world = World::up(1, "").unwrap();
    let lan = Lan::around(&world.lab, 1).unwrap();
    let device = world.enrolled(1).unwrap();
    let host = device.host().clone();
    device.cli(&["connect"]).unwrap().success().unwrap();
    host.exec(&["sysctl", "-qw", "net.ipv6.conf.eth0.use_tempaddr=2"]).unwrap();
    let temporary = wait_for("a temporary address", Duration::from_secs(10), || {
        lan.advertise(&[])?;
        std::thread::sleep(Duration::from_millis(200));
        Ok(uplink_v6(&host, "temporary").into_iter().next())
    })
    .unwrap();
    let page = |source: Option<&str>| {
        let to = format!("http://{}/", world.internet.http_v6());
        let mut words = vec!["curl", "--silent", "--max-time", "2", &to];
        if let Some(source) = source {
            words.extend(["--interface", source]);
        }
        host.try_exec(&words, Duration::from_secs(10)).unwrap().stdout.trim().parse::<IpAddr>().ok()
    };
    let filter = format!("ip6 and host {}", INTERNET.v6);
    let capture = lan.router().capture("br0", &filter).unwrap();
    assert_eq!(page(None), Some(SERVER.v6.into()));
    assert_eq!(page(Some(&temporary)), None);
    let echo: SocketAddr = world.internet.echo_v6();
    let source: IpAddr = temporary.parse().unwrap();
    host.enter(|| {
        let socket = std::net::UdpSocket::bind((source, 0)).unwrap();
        // A refusal is as good as a loss.
        let _ = socket.send_to(b"x", echo);
    })
    .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let seen = capture.stop().unwrap();
    assert_eq!(seen.count(), 0, "{:?}", seen.lines());
    device.cli(&["disconnect"]).unwrap().success().unwrap();
    let control = lan.router().capture("br0", &filter).unwrap();
    page(Some(&temporary));
    control.wait_for(1, Duration::from_secs(5)).unwrap();
}
