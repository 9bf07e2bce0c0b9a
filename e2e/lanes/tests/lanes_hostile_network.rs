//! A device in a hostile local network: which traffic its DHCP server and router advertisements can redirect.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;
use tornado_e2e_harness::lan::{LEASED, Lan, NEIGHBOUR, ROUTER, StaticRoute};
use tornado_e2e_harness::{Host, INTERNET, SERVER};
use tornado_e2e_lanes::world::World;

/// All that may leave the device for the internet: WireGuard and the device API.
const CLEAR: &str = "(tcp or udp) and not port 67 and not port 68 and not host 192.168.50.9 and not host 192.168.50.1 \
                     and not (host 203.0.113.10 and (udp port 51820 or udp port 51821 or tcp port 4605))";

fn send(host: &Host, targets: &[SocketAddr]) {
    host.enter(|| {
        for (target, bound) in targets.iter().flat_map(|target| [(*target, false), (*target, true)]) {
            let kind = socket2::Type::DGRAM;
            let socket = socket2::Socket::new(socket2::Domain::for_address(target), kind, None).unwrap();
            if bound {
                socket.bind_device(Some(b"eth0")).unwrap();
            }
            // An error is as good as another route.
            let _ = socket.send_to(b"\0\0\0\0", &target.into());
        }
    })
    .unwrap();
}

#[test]
fn a_local_network_s_owner_leads_nothing_past_the_tunnel() {
    let world = World::up(1, "").unwrap();
    let lan = Lan::around(&world.lab, 1).unwrap();
    let device = world.enrolled(1).unwrap();
    let host = device.host().clone();
    let internet = [world.internet.echo_v4(), world.internet.echo_v6()];
    let page = |to| host.http_get_within(to, "/", Duration::from_secs(3)).and_then(|page| page.seen_as()).ok();
    let through = [Some(IpAddr::from(SERVER.v4)), Some(IpAddr::from(SERVER.v6))];

    let control = lan.router().capture("br0", CLEAR).unwrap();
    send(&host, &internet);
    control.wait_for(4, Duration::from_secs(3)).unwrap();
    drop(control);

    device.cli(&["connect"]).unwrap().success().unwrap();
    assert_eq!([page(world.internet.http_v4()), page(world.internet.http_v6())], through);

    // DHCP option 121 and route information for everything, and for the very host that is visited.
    let capture = lan.router().capture("br0", CLEAR).unwrap();
    let route = |to: [u8; 4], length| StaticRoute { to: Ipv4Addr::from(to), length, via: ROUTER };
    let lease =
        lan.renew(&[route([0, 0, 0, 0], 1), route([128, 0, 0, 0], 1), route(INTERNET.v4.octets(), 32)]).unwrap();
    assert_eq!(lease.routes.len(), 3, "DHCP must work while the tunnel is up");
    lan.advertise(&[(Ipv6Addr::UNSPECIFIED, 1), (INTERNET.v6, 128)]).unwrap();
    let learned = || host.exec(&["ip", "-6", "route", "show", "proto", "ra"]).map(|o| o.stdout).unwrap();
    tornado_e2e_harness::wait_for("the advertised route", Duration::from_secs(5), || {
        Ok(learned().contains(&INTERNET.v6.to_string()).then_some(()))
    })
    .unwrap();
    for _ in 0..50 {
        send(&host, &internet);
    }
    assert_eq!([page(world.internet.http_v4()), page(world.internet.http_v6())], through);
    let seen = capture.stop().unwrap();
    assert_eq!(seen.count(), 0, "packets left in the clear: {:?}", &seen.lines()[..seen.count().min(10)]);

    // The neighbour is reached outside the tunnel, not in the server's network.
    let listener = lan.neighbour().enter(|| TcpListener::bind((NEIGHBOUR, 8080)).unwrap()).unwrap();
    let accepted = std::thread::spawn(move || listener.accept().map(|(_, from)| from.ip()));
    let reach = || std::net::TcpStream::connect_timeout(&(NEIGHBOUR, 8080).into(), Duration::from_secs(3));
    host.enter(reach).unwrap().unwrap();
    assert_eq!(accepted.join().unwrap().unwrap(), IpAddr::from(LEASED));

    // No DNS query goes to the neighbour or the router, over any protocol.
    let names = lan.router().capture("br0", "port 53 or port 853 or port 5353 or port 5355").unwrap();
    let targets = ["192.168.50.9:53", "192.168.50.1:853", "192.168.50.9:5353", "224.0.0.251:5353", "224.0.0.252:5355"];
    send(&host, &targets.map(|target| target.parse().unwrap()));
    assert_eq!(names.stop().unwrap().count(), 0);

    // The inner address is neither visible in nor reachable from the local network.
    let status = device.json(&["status"]).unwrap();
    let inner = status["addresses"][0].as_str().unwrap().to_owned();
    lan.neighbour().exec(&["ip", "route", "add", &format!("{inner}/32"), "dev", "eth0"]).unwrap();
    let udp = host.enter(|| UdpSocket::bind("0.0.0.0:9999").unwrap()).unwrap();
    udp.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let knock = |to: &str| {
        let to: SocketAddr = format!("{to}:9999").parse().unwrap();
        lan.neighbour().enter(|| UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"knock", to).unwrap()).unwrap();
        udp.recv_from(&mut [0; 16]).is_ok()
    };
    assert!(knock(&LEASED.to_string()), "a neighbour must reach the device at its own address");
    assert!(!knock(&inner));
    let neighbours = lan.neighbour().exec(&["ip", "neigh", "show", &inner]).unwrap().stdout;
    assert!(!neighbours.contains("lladdr"), "the device answered ARP: {neighbours}");
    let mac = host.exec(&["cat", "/sys/class/net/eth0/address"]).unwrap().stdout;
    lan.neighbour().exec(&["ip", "neigh", "replace", &inner, "lladdr", mac.trim(), "dev", "eth0"]).unwrap();
    assert!(!knock(&inner), "the device accepted a packet for the inner address from the network");

    device.cli(&["disconnect"]).unwrap().success().unwrap();
    send(&host, &internet);
    assert!(page(world.internet.http_v4()).is_some());
}

/// What a restarting network manager does to the rules, and the loss of the default route with the network.
#[test]
fn rules_that_are_flushed_come_back_and_a_network_that_is_gone_is_reported() {
    let world = World::up(1, "").unwrap();
    let device = world.enrolled(1).unwrap();
    let host = device.host().clone();
    let internet = [world.internet.echo_v4(), world.internet.echo_v6()];
    let notice = |code: &str| {
        let waited = tornado_e2e_harness::wait_for(&format!("the notice {code}"), Duration::from_secs(5), || {
            Ok((device.json(&["status"])?["notice"]["code"] == code).then_some(()))
        });
        let (status, log) = (device.json(&["status"]).unwrap(), device.log().unwrap());
        assert!(waited.is_ok(), "{waited:?}: {status:#}\n{log}");
    };
    device.cli(&["connect"]).unwrap().success().unwrap();
    let capture = host.capture("eth0", CLEAR).unwrap();
    for ip in [&["ip"][..], &["ip", "-6"]] {
        host.exec(&[ip, &["rule", "flush"]].concat()).unwrap();
        host.exec(&[ip, &["rule", "add", "pref", "32766", "lookup", "main"]].concat()).unwrap();
        for _ in 0..50 {
            send(&host, &internet);
        }
    }
    let seen = capture.stop().unwrap();
    assert_eq!(seen.count(), 0, "packets left in the clear: {:?}", &seen.lines()[..seen.count().min(10)]);
    notice("interference");
    let page = || host.http_get_within(world.internet.http_v4(), "/", Duration::from_secs(3))?.seen_as();
    assert_eq!(page().unwrap(), IpAddr::from(SERVER.v4));

    host.exec(&["ip", "route", "del", "default"]).unwrap();
    notice("no_network");
    host.exec(&["ip", "route", "add", "default", "via", "198.51.100.254", "dev", "eth0", "onlink"]).unwrap();
    tornado_e2e_harness::wait_for("traffic after the network is back", Duration::from_secs(20), || {
        Ok(page().ok().filter(|seen| *seen == IpAddr::from(SERVER.v4)))
    })
    .unwrap();
    assert_ne!(device.json(&["status"]).unwrap()["notice"]["code"], "no_network");
}
