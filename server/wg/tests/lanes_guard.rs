//! Changes of rules by other programs: each one is detected and undone, and closes the tor lane.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's failure")]
#![expect(clippy::disallowed_methods, reason = "polls from its own thread")]

mod lanes_support;

use lanes_support::tor::{OPEN, fake_tor, greeting};
use lanes_support::up::{up, up_with};
use lanes_support::{Capture, eventually, sync};
use std::net::UdpSocket;
use std::time::{Duration, Instant};
use tornado_contracts::TrafficPolicy;
use tornado_contracts::wg::{AlarmCause, Group, RemovePeer, SetGroups, TorLane, TorLaneReason, Wg as _, WgClient};
use tornado_rpc::NoInput;
use tornado_shared::model::{Lane, UserId};

const RULE: &str = "nft delete rule inet tornado forward handle $(nft -a list chain inet tornado forward | grep 'never forwarded' | sed 's/.*handle //')";
const MASQUERADE: &str = "nft 'add table ip bad; add chain ip bad post { type nat hook postrouting priority 90; }; add rule ip bad post masquerade; delete table inet tornado'";
const CANARY_RULE: &str = "nft delete rule inet tornado_canary leave handle $(nft -a list chain inet tornado_canary leave | grep 'saddr' | head -1 | sed 's/.*handle //')";
const OTHER_NUMBER: &str = "nft 'delete element inet tornado isolation6 { fd74:6f72:6e61:9::2 }; add element inet tornado isolation6 { fd74:6f72:6e61:9::2 : fd74:6f72:6e61:64::99 }'";
const ADDED_PAIR: &str = "nft add element inet tornado together4 { 10.8.0.2 . 10.8.0.9 }";
const REMOVED_RATE: &str = "nft delete element inet tornado up4 { 10.9.0.2 }";
const BLIND: &str = "nft 'add table inet deaf; add chain inet deaf pre { type filter hook prerouting priority -500; }; add rule inet deaf pre ip saddr 10.9.255.254 drop'";

/// Waits for a healthy canary and an open lane.
async fn wait_for_all_clear(client: &WgClient) {
    eventually(Duration::from_secs(12), async || {
        let status = client.status(NoInput {}).await.unwrap();
        status.tor_lane == OPEN && status.canary.healthy && status.firewall_verified
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_planted_leak_is_detected_and_closes_the_lane() {
    let up = up_with(|lab| lab.config.canary_interval = 1);
    let Some((lab, service, client, status)) = up.await else { return };
    let device = lab.device();
    sync(&client, vec![device.spec(&lab)]).await;
    let tunnel = device.connect(&lab, &status, Lane::Tor);
    let (of_direct, of_tor) = (device.spec(&lab).direct.addresses, device.spec(&lab).tor.addresses);
    let traffic_policy = TrafficPolicy { upload_rate: Some(10_000_000), ..TrafficPolicy::default() };
    let group = Group { user_id: UserId(uuid::Uuid::from_u128(1)), traffic_policy, devices: vec![(of_direct, of_tor)] };
    client.set_groups(SetGroups { groups: vec![group] }).await.unwrap();
    fake_tor(&lab.server);
    client.set_tor_lane(OPEN.into()).await.unwrap();
    wait_for_all_clear(&client).await;
    let capture = Capture::start(&lab.internet, "eth0", lab.directory.path());

    let interval = Duration::from_secs(1);
    // Changes that the kernel reports are detected at once; a change that only the packets show, within three rounds.
    let plants = [
        ("a rule is removed", RULE, interval),
        ("the table is deleted", "nft delete table inet tornado", interval),
        ("the whole ruleset is flushed", "nft flush ruleset", interval),
        ("an accept rule is inserted", "nft insert rule inet tornado forward iifname wg1 accept", interval),
        ("another program masquerades", MASQUERADE, interval),
        ("the routing rule is removed", "ip rule del pref 100", interval),
        ("the routing rule of IPv6 is removed", "ip -6 rule del pref 100", interval),
        ("the unreachable route is removed", "ip route del unreachable 10.9.0.0/16 metric 4294967295", interval),
        ("the canary's table is deleted", "nft delete table inet tornado_canary", interval),
        ("the canary's table is flushed", "nft flush table inet tornado_canary", interval),
        ("a rule of the canary's table is removed", CANARY_RULE, interval),
        ("a device loses its number", "nft delete element inet tornado isolation4 { 10.9.0.2 }", interval),
        ("a device gets another number", OTHER_NUMBER, interval),
        ("devices are put into a peer group", ADDED_PAIR, interval),
        ("a device loses its rate", REMOVED_RATE, interval),
        ("the canary is made blind", BLIND, interval * 7),
    ];
    for (what, command, limit) in plants {
        let limit = lanes_support::patient(limit);
        let before = client.status(NoInput {}).await.unwrap().canary.alarms;
        let started = Instant::now();
        lab.server.ok(&format!("sh -c \"{}\"", command.replace('$', "\\$").replace('"', "\\\"")));
        let planted = started.elapsed();
        let mut shut = None;
        while shut.is_none() {
            let status = client.status(NoInput {}).await.unwrap();
            if status.canary.alarms > before {
                shut = Some(status);
            }
            assert!(started.elapsed() < limit + Duration::from_secs(2), "{what}: not found");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (took, shut) = (started.elapsed().saturating_sub(planted), shut.unwrap());
        eprintln!("{what}: {:?} after {took:?}", shut.canary.cause.unwrap());
        assert!(took < limit, "{what}: {took:?}");
        // The lane is open again already, or closed by the alarm.
        assert!(
            shut.tor_lane_reason == TorLaneReason::Requested || shut.tor_lane == TorLane::Closed,
            "{what}: {shut:?}"
        );
        if what.contains("blind") {
            assert_eq!((shut.canary.cause, shut.tor_lane), (Some(AlarmCause::Blind), TorLane::Closed));
            lab.server.ok("nft delete table inet deaf");
        }
        wait_for_all_clear(&client).await;
        device.ns.run(|| greeting("198.51.100.2:80")).unwrap();
        lab.server.sh("nft delete table ip bad");
    }
    // A program that does not stop: the lane stays closed, and no packet leaves.
    let before = client.status(NoInput {}).await.unwrap().canary.alarms;
    lab.server.ok(
        "sh -c 'for i in $(seq 150); do nft delete table inet tornado; ip rule del pref 100; done 2>/dev/null; true'",
    );
    assert!(client.status(NoInput {}).await.unwrap().canary.alarms > before + 3);
    wait_for_all_clear(&client).await;
    let seen = capture.read();
    assert_eq!(seen.lines().count(), 0, "left the server: {seen}");
    // The alarms wait until `auth` stores them.
    let waiting = std::fs::read_to_string(lab.directory.path().join("alarms.json")).unwrap();
    assert!(waiting.contains("\"blind\"") && waiting.contains("prohibits forwarding"), "{waiting}");

    // A renamed interface is no longer the lane's; the lane is recreated. It is also recreated when it is down, and may
    // be missing before it is renamed.
    lab.server
        .ok("sh -c 'for i in $(seq 100); do ip link set wg1 down; ip link set wg1 name gone1 && exit; done; false'");
    // Wait for the new interface first: until the loss is detected, status shows the old one.
    eventually(Duration::from_secs(10), async || lab.server.sh("ip link show dev wg1").status.success()).await;
    eventually(Duration::from_secs(10), async || client.status(NoInput {}).await.unwrap().lanes[1].up).await;
    wait_for_all_clear(&client).await;
    // The canary is not listed as a peer.
    let peers = client.peers(NoInput {}).await.unwrap();
    assert!(peers.iter().all(|peer| peer.public_key == device.key.public_key()), "{peers:?}");
    assert_eq!(client.status(NoInput {}).await.unwrap().peers, 1);
    drop(tunnel);
    service.stop().unwrap();
    assert_eq!(lab.server.ok("sh -c 'ip rule; ip -6 rule'").matches("prohibit").count(), 0);
    assert!(!lab.server.ok("sh -c 'ip route; ip -6 route'").contains("unreachable"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_direct_lane_stays_isolated_without_a_ruleset() {
    let Some((lab, service, client, status)) = up().await else { return };
    let (one, two) = (lab.device(), lab.device());
    sync(&client, vec![one.spec(&lab), two.spec(&lab)]).await;
    let tunnels = [one.connect(&lab, &status, Lane::Direct), two.connect(&lab, &status, Lane::Direct)];
    for device in [&one, &two] {
        device.ns.ok("ping -c1 -W2 10.8.0.1");
    }
    let mut slowest = Duration::ZERO;
    for _ in 0..10 {
        lab.server.ok("nft flush ruleset");
        let started = Instant::now();
        while !lab.server.sh("nft list chain inet tornado guard").status.success() {
            assert!(started.elapsed() < lanes_support::patient(Duration::from_secs(5)));
        }
        slowest = slowest.max(started.elapsed());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    eprintln!("flushed ruleset: restored after at most {slowest:?}");
    assert!(slowest < lanes_support::patient(Duration::from_millis(500)), "{slowest:?}");

    // While another program flushes rules in a loop, the second layer keeps devices apart.
    let listener = two.ns.run(|| UdpSocket::bind("0.0.0.0:7").unwrap());
    listener.set_nonblocking(true).unwrap();
    let six = two.ns.run(|| UdpSocket::bind("[::]:8").unwrap());
    six.set_nonblocking(true).unwrap();
    let flusher = lab.server.spawn({
        let name = lab.server.name.clone();
        move || {
            lanes_support::ok(&format!("ip netns exec {name} sh -c 'for i in $(seq 200); do nft flush ruleset; done'"))
        }
    });
    let (four, four6) = one.ns.run(|| (UdpSocket::bind("0.0.0.0:0").unwrap(), UdpSocket::bind("[::]:0").unwrap()));
    while !flusher.is_finished() {
        for to in ["10.8.0.3:7", "10.9.0.3:7"] {
            let _ = four.send_to(b"hello", to);
        }
        let _ = four6.send_to(b"hello", "[fd74:6f72:6e61:8::3]:8");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(
        listener.recv_from(&mut [0; 16]).is_err() && six.recv_from(&mut [0; 16]).is_err(),
        "devices reached each other"
    );
    drop(tunnels);
    service.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_peer_leaves_no_flow_behind() {
    let Some((lab, service, client, status)) = up().await else { return };
    let (direct, tor) = (lab.device(), lab.device());
    sync(&client, vec![direct.spec(&lab), tor.spec(&lab)]).await;
    let tunnels = [direct.connect(&lab, &status, Lane::Direct), tor.connect(&lab, &status, Lane::Tor)];
    fake_tor(&lab.server);
    client.set_tor_lane(OPEN.into()).await.unwrap();
    let flows = |address: &str| {
        let all = lab.server.ok("cat /proc/net/nf_conntrack");
        all.lines().filter(|line| line.contains(&format!("src={address} "))).count()
    };
    let talk = |device: &lanes_support::Device, to: &'static str| {
        device.ns.run(move || {
            let socket = UdpSocket::bind(if to.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" }).unwrap();
            for _ in 0..3 {
                socket.send_to(b"x", to).unwrap();
                std::thread::sleep(Duration::from_millis(50));
            }
        });
    };
    talk(&direct, "198.51.100.2:4000");
    talk(&direct, "[2001:db8:2::2]:4000");
    let mut call = tor.ns.run(|| std::net::TcpStream::connect("198.51.100.2:443").unwrap());
    let six = "fd74:6f72:6e61:0008:0000:0000:0000:0002";
    assert!(flows("10.8.0.2") > 0 && flows(six) > 0 && flows("10.9.0.3") > 0);
    let established = || lab.server.ok("ss -Htn state established").matches("100.64.0.3").count();
    assert_eq!(established(), 1);

    for device in [&direct, &tor] {
        client.remove_peer(RemovePeer { public_key: device.key.public_key() }).await.unwrap();
    }
    assert_eq!((flows("10.8.0.2"), flows(six), flows("10.9.0.3"), established()), (0, 0, 0, 0));
    std::io::Write::write_all(&mut call, b"x").unwrap();

    // The first sync ends the flows of an earlier process.
    let third = lab.device();
    client.put_peer(third.spec(&lab)).await.unwrap();
    let tunnel = third.connect(&lab, &status, Lane::Direct);
    talk(&third, "198.51.100.2:4000");
    service.kill();
    let service = lab.start();
    service.wait_for_status(&client).await;
    assert!(flows("10.8.0.4") > 0);
    sync(&client, vec![]).await;
    assert_eq!(flows("10.8.0.4"), 0);
    drop((tunnel, tunnels));
    service.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn elements_written_over_netlink_are_listed_by_nft() {
    let Some((lab, service, client, _)) = up().await else { return };
    sync(&client, vec![]).await;
    let device = lab.device();
    let spec = |country: Option<&str>| {
        let exit = country.map(|code| code.parse().unwrap());
        tornado_contracts::wg::PeerSpec { exit, ..device.spec(&lab) }
    };
    let element = |map: &str| {
        let text = lab.server.ok(&format!("nft -j list map inet tornado {map}"));
        let listing: serde_json::Value = serde_json::from_str(&text).unwrap();
        let all = listing["nftables"][1]["map"]["elem"].as_array().cloned().unwrap_or_default();
        let address = if map.ends_with('4') { "10.9.0.2" } else { "fd74:6f72:6e61:9::2" };
        all.into_iter().find(|pair| pair[0] == address).map(|pair| pair[1].clone())
    };
    for country in [None, Some("de"), Some("nl"), None] {
        client.put_peer(spec(country)).await.unwrap();
        assert_eq!(element("isolation4"), Some("100.64.0.2".into()));
        assert_eq!(element("isolation6"), Some("fd74:6f72:6e61:64::2".into()));
        for (map, chain) in [("exit4", "exit"), ("exit6", "exit"), ("entry4", "entry"), ("entry6", "entry")] {
            let wanted = country.map(|code| serde_json::json!({ "goto": { "target": format!("{chain}_{code}") } }));
            assert_eq!(element(map), wanted, "{map} for {country:?}");
        }
    }
    client.remove_peer(RemovePeer { public_key: device.key.public_key() }).await.unwrap();
    assert!(["isolation4", "isolation6", "exit4", "entry6"].iter().all(|map| element(map).is_none()));
    let status = client.status(NoInput {}).await.unwrap();
    assert!(status.firewall_verified && status.canary.alarms == 0);
    service.stop().unwrap();
}
