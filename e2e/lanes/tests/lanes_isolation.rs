//! What a device must not reach: the internet through the closed tor lane, other devices, the server itself.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;
use tornado_e2e_harness::{DeviceProc, Host, INTERNET, SERVER};
use tornado_e2e_lanes::raw;
use tornado_e2e_lanes::world::World;

/// Name of the helper's interface.
const INTERFACE: &str = "tornado0";
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Returns the addresses of a device's live session on a lane, as the server knows them.
fn leased(world: &World, lane: &str, user: &str) -> (Ipv4Addr, Ipv6Addr) {
    let sessions = world.sessions().unwrap();
    let own = sessions.iter().find(|s| s["username"] == user).unwrap();
    let text = |family: &str| own[lane][family].as_str().unwrap().to_owned();
    (text("v4").parse().unwrap(), text("v6").parse().unwrap())
}

fn connect(world: &World, number: u16, lane: &str) -> DeviceProc {
    let device = world.enrolled(number).unwrap();
    device.cli(&["connect", "--lane", lane]).unwrap().success().unwrap();
    device
}

#[test]
fn packets_on_the_closed_tor_lane_arrive_nowhere() {
    let world = World::up(1, "").unwrap();
    let device = connect(&world, 1, "tor");
    let source = leased(&world, "tor", "user1");

    let uplink = world.lab.host("server").unwrap().capture("eth0", "not udp port 51821 and not tcp port 4605").unwrap();
    let clear = device.host().capture("eth0", "not udp port 51821 and not tcp port 4605").unwrap();
    let inside = device.host().capture(INTERFACE, "ip or ip6").unwrap();
    let packets = raw::arsenal(source, (INTERNET.v4, INTERNET.v6));
    let taken = device.host().enter(|| raw::send(INTERFACE, &packets)).unwrap().unwrap();
    assert!(taken + 3 >= packets.len(), "the kernel accepted {taken} of {} packets", packets.len());
    for target in [world.internet.http_v4(), world.internet.http_v6()] {
        let result = device.host().http_get_within(target, "/", PATIENCE);
        // The server's own maintenance page is expected; a page from the internet would be a leak.
        let own_page = result.as_ref().is_ok_and(|reply| reply.status == 503);
        assert!(result.is_err() || own_page, "a page came through the closed lane: {result:?}");
    }
    inside.wait_for(taken, Duration::from_secs(5)).unwrap();

    let seen = world.internet.seen();
    assert!(seen.is_empty(), "packets arrived in internet: {seen:?}");
    let leaked: Vec<_> = uplink.stop().unwrap().lines().iter().filter(|l| !is_link_chatter(l)).cloned().collect();
    assert!(leaked.is_empty(), "packets left the server: {leaked:?}");
    let leaked: Vec<_> = clear.stop().unwrap().lines().iter().filter(|l| !is_link_chatter(l)).cloned().collect();
    assert!(leaked.is_empty(), "packets left the device in the clear: {leaked:?}");
}

/// Link-local traffic of hosts: ARP, and IPv6 from link-local addresses, which is never forwarded.
fn is_link_chatter(line: &str) -> bool {
    line.starts_with("ARP") || line.starts_with("IP6 fe80::") || line.starts_with("IP6 :: >")
}

#[test]
fn devices_cannot_reach_each_other_or_the_server() {
    let world = World::up(2, "").unwrap();
    let (one, two) = (connect(&world, 1, "direct"), connect(&world, 2, "direct"));
    let other = leased(&world, "direct", "user2");
    let other_tor = leased(&world, "tor", "user2");
    let listening = two.host().capture(INTERFACE, "ip or ip6").unwrap();

    // A service on the server that listens on all addresses, as a careless operator may configure it.
    let server = world.lab.host("server").unwrap();
    let careless = server.enter(|| TcpListener::bind("[::]:8080").unwrap()).unwrap();
    std::thread::spawn(move || {
        for mut visitor in careless.incoming().flatten() {
            // The client may disconnect before the response.
            let _ = visitor.read(&mut [0; 1024]);
            let _ = visitor.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nreached");
        }
    });

    let gateways = [IpAddr::from([10, 8, 0, 1]), "fd74:6f72:6e61:8::1".parse().unwrap()];
    let own = [IpAddr::from(SERVER.v4), IpAddr::from(SERVER.v6), IpAddr::from([10, 9, 0, 1])];
    let answers = |host: &Host, address| host.http_get_within(SocketAddr::new(address, 8080), "/", PATIENCE).is_ok();
    let outside = world.lab.host("internet").unwrap();
    assert!(answers(outside, IpAddr::from(SERVER.v4)), "the service must be reachable for everyone else");
    for address in gateways.iter().chain(&own) {
        assert!(!answers(one.host(), *address), "{address} was reached from a device");
    }
    for address in [IpAddr::from(other.0), IpAddr::from(other.1), IpAddr::from(other_tor.0), IpAddr::from(other_tor.1)]
    {
        let to = SocketAddr::new(address, 8080);
        assert!(one.host().http_get_within(to, "/", Duration::from_millis(700)).is_err());
        let answer = one.host().udp_ask(SocketAddr::new(address, 7), b"hello", Duration::from_millis(400));
        assert!(!matches!(answer, Ok(Some(_))), "{answer:?}");
    }
    // Crafted packets to the other device and to the server's loopback.
    let from = leased(&world, "direct", "user1");
    let to_peer = raw::arsenal(from, other);
    let to_loopback = raw::arsenal(from, (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST));
    let on_lo = server.capture("lo", "src net 10.8.0.0/16 or src net fd74:6f72:6e61:8::/64").unwrap();
    one.host()
        .enter(|| {
            raw::send(INTERFACE, &to_peer).unwrap();
            raw::send(INTERFACE, &to_loopback).unwrap()
        })
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(on_lo.stop().unwrap().count(), 0, "packets reached the server's loopback");
    let strangers: Vec<_> = listening
        .stop()
        .unwrap()
        .lines()
        .iter()
        .filter(|line| line.contains(&format!("{} >", from.0)) || line.contains(&format!("{} >", from.1)))
        .cloned()
        .collect();
    assert!(strangers.is_empty(), "packets arrived at the other device: {strangers:?}");
    // While all of that is blocked, permitted traffic still works.
    let seen = one.host().http_get(world.internet.http_v4(), "/").unwrap().seen_as().unwrap();
    assert_eq!(seen, IpAddr::from(SERVER.v4));
}

#[test]
fn a_neighbour_of_the_server_cannot_send_to_devices() {
    let world = World::up(1, "").unwrap();
    let device = connect(&world, 1, "direct");
    let target = leased(&world, "direct", "user1");
    let internet = world.lab.host("internet").unwrap();
    let access = world.lab.host("access").unwrap();
    // An attacker on the path announces that the lanes are behind the server, which is true.
    for (family, pool) in [("-4", "10.8.0.0/16"), ("-6", "fd74:6f72:6e61:8::/64")] {
        let via = if family == "-4" { SERVER.v4.to_string() } else { SERVER.v6.to_string() };
        access.exec(&["ip", family, "route", "add", pool, "via", &via, "dev", "server"]).unwrap();
    }
    let listening = device.host().capture(INTERFACE, "ip or ip6").unwrap();
    let packets = raw::arsenal((INTERNET.v4, INTERNET.v6), target);
    internet.enter(|| raw::send("eth0", &packets).unwrap()).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let arrived = listening.stop().unwrap();
    let foreign: Vec<_> =
        arrived.lines().iter().filter(|l| l.contains("192.0.2.80") || l.contains("2001:db8:80::80")).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}
