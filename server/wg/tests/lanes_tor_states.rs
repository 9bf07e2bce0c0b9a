//! The tor lane's states with real packets: what passes, what is cut, and by which address Tor sees a device.

mod lanes_support;

use lanes_support::tor::{GATEWAY4, GATEWAY6, OPEN, PAGE, Tally, fake_tor, greeting, query_dns, send_leak_packets};
use lanes_support::up::up_with;
use lanes_support::{Capture, Device, INTERNET4, INTERNET6, Lab, Running, Tunnel, sync};
use std::io::ErrorKind;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tornado_contracts::wg::{TorLane, TorLaneReason, Wg as _, WgClient, WgError};
use tornado_rpc::NoInput;
use tornado_shared::model::Lane;

struct Up {
    tunnels: Vec<Tunnel>,
    devices: Vec<Device>,
    client: WgClient,
    service: Running,
    lab: Lab,
}

async fn up(count: usize) -> Option<Up> {
    let (lab, service, client, status) = up_with(|lab| lab.config.canary_interval = 1).await?;
    assert_eq!((status.tor_lane, status.tor_lane_reason), (TorLane::Closed, TorLaneReason::Start));
    let devices: Vec<_> = (0..count).map(|_| lab.device()).collect();
    sync(&client, devices.iter().map(|device| device.spec(&lab)).collect()).await;
    let tunnels = devices.iter().map(|device| device.connect(&lab, &status, Lane::Tor)).collect();
    fake_tor(&lab.server);
    Some(Up { tunnels, devices, client, service, lab })
}

/// A helper process that is killed with its test.
struct Killed(std::process::Child);

impl Killed {
    fn end(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        self.end();
    }
}

fn refused(result: std::io::Result<(IpAddr, String)>) -> bool {
    matches!(result, Err(error) if error.kind() == ErrorKind::ConnectionRefused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_state_accepts_exactly_its_traffic() {
    let Some(Up { devices, client, service, lab, tunnels }) = up(1).await else { return };
    let device = &devices[0].ns;
    let capture = Capture::start(&lab.internet, "eth0", lab.directory.path());
    let call = |to: String| device.run(move || greeting(&to));
    let web = [format!("{INTERNET4}:80"), format!("[{INTERNET6}]:80")];
    let tls = [format!("{INTERNET4}:443"), format!("[{INTERNET6}]:443")];
    let own = |port: u16| [format!("{GATEWAY4}:{port}"), format!("[{GATEWAY6}]:{port}")];

    for round in 0..2 {
        // Closed at first; closed again in the second round.
        for to in web.iter().chain(&tls).chain(&own(9040)).chain(&own(9041)).chain(&own(9050)) {
            assert!(refused(call(to.clone())), "{round}: {to} in a closed lane");
        }
        assert!(device.run(|| query_dns("198.51.100.2:53")).is_err());
        device.run(|| send_leak_packets("10.9.0.2".parse().unwrap()));

        client.set_tor_lane(OPEN.into()).await.unwrap();
        for to in web.iter().chain(&tls) {
            let (_, text) = call(to.clone()).unwrap();
            assert!(to.starts_with('[') || text.contains(INTERNET4), "TransPort does not know the destination: {text}");
        }
        for to in own(9050) {
            assert!(call(to).unwrap().1.contains("socks"));
        }
        for to in own(9040).iter().chain(&own(9041)).chain(&own(22)) {
            assert!(refused(call(to.clone())), "{to} accepts devices");
        }
        assert!(refused(call(format!("{INTERNET4}:53"))), "DNS over TCP was accepted");
        device.run(|| query_dns("198.51.100.2:53")).unwrap();
        device.run(|| query_dns("[2001:db8:2::2]:53")).unwrap();
        device.run(|| query_dns("10.9.0.1:53")).unwrap();
        assert!(device.run(|| query_dns("10.9.0.1:9053")).is_err(), "DNSPort itself accepts devices");
        device.run(|| send_leak_packets("10.9.0.2".parse().unwrap()));

        client.set_tor_lane(PAGE.into()).await.unwrap();
        for to in &web {
            assert!(call(to.clone()).unwrap().1.contains("page"));
        }
        for to in tls.iter().chain(&own(9040)).chain(&own(9041)).chain(&own(9050)) {
            let started = Instant::now();
            assert!(
                refused(call(to.clone())) && started.elapsed() < lanes_support::patient(Duration::from_secs(1)),
                "{to} in maintenance"
            );
        }
        assert!(device.run(|| query_dns("198.51.100.2:53")).is_err());
        device.run(|| send_leak_packets("10.9.0.2".parse().unwrap()));
        client.set_tor_lane(TorLane::Closed.into()).await.unwrap();
    }
    let status = client.status(NoInput {}).await.unwrap();
    assert_eq!((status.tor_lane, status.tor_lane_reason), (TorLane::Closed, TorLaneReason::Requested));
    assert!(status.firewall_verified);
    let nonsense = TorLane::Open { trans_port: 0, dns_port: 1, socks_port: 2 };
    assert!(matches!(client.set_tor_lane(nonsense.into()).await, Err(WgError::Fault(_))));
    let seen = capture.read();
    assert_eq!(seen.lines().count(), 0, "packets left the server: {seen}");
    assert_eq!(client.status(NoInput {}).await.unwrap().canary.alarms, 0);
    drop(tunnels);
    service.stop().unwrap();
    assert!(!lab.server.ok("ip addr show dev lo").contains("10.9.0.1"));
    assert_eq!(lab.server.ok("sh -c 'ip rule; ip -6 rule'").matches("51821").count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_switches_under_load_leave_nothing_hanging() {
    let Some(Up { devices, client, service, lab, tunnels }) = up(2).await else { return };
    // The canary loads its table in a separate transaction, at its first round.
    lanes_support::eventually(Duration::from_secs(10), async || {
        client.status(NoInput {}).await.unwrap().canary.last_run.is_some()
    })
    .await;
    let capture = Capture::start(&lab.internet, "eth0", lab.directory.path());
    let generations = lab.directory.path().join("generations");
    let mut monitor = Killed(
        std::process::Command::new("ip")
            .args(["netns", "exec", &lab.server.name, "nft", "monitor"])
            .stdout(std::fs::File::create(&generations).unwrap())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap(),
    );
    // Wait until its socket is listed under its process id and has joined groups: from then on it misses nothing
    // (netlink(7)).
    let pid = monitor.0.id().to_string();
    let receives = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.get(1..3) == Some(&["12", pid.as_str()]) && words.get(3).is_some_and(|groups| *groups != "00000000")
    };
    lanes_support::eventually(Duration::from_secs(10), async || {
        std::fs::read_to_string(format!("/proc/{pid}/net/netlink")).is_ok_and(|text| text.lines().any(receives))
    })
    .await;

    let tally = Arc::new(Tally::default());
    let mut threads = Vec::new();
    for device in &devices {
        for to in ["198.51.100.2:80", "198.51.100.2:443", "[2001:db8:2::2]:80"] {
            threads.push(tally.connect_repeatedly(&device.ns, to));
        }
    }
    let mut times = Vec::new();
    for n in 0..200usize {
        let lane = [OPEN, PAGE, OPEN, TorLane::Closed][n % 4];
        let started = Instant::now();
        client.set_tor_lane(lane.into()).await.unwrap();
        times.push(started.elapsed());
        // Idempotent: the same state again is no transaction.
        client.set_tor_lane(lane.into()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    // Long enough for leftovers of the last switch to show.
    tokio::time::sleep(Duration::from_secs(2)).await;
    tally.stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
    let monitored = || std::fs::read_to_string(&generations).unwrap();
    let transactions = || monitored().matches("# new generation").count();
    lanes_support::eventually(Duration::from_secs(10), async || transactions() >= 200).await;
    monitor.end();
    times.sort();
    let count = |n: &std::sync::atomic::AtomicU64| n.load(Ordering::Relaxed);
    eprintln!(
        "200 switches: median {:?}, slowest {:?} (whole call); {} exchanges, {} refused, {} cut, {} hung, slowest {} us",
        times[100],
        times[199],
        count(&tally.answered),
        count(&tally.refused),
        count(&tally.cut),
        count(&tally.hung),
        count(&tally.slowest_us),
    );
    assert_eq!(count(&tally.hung), 0, "slowest {} us", count(&tally.slowest_us));
    assert!(count(&tally.answered) > 100 && count(&tally.cut) > 10 && count(&tally.refused) > 10);
    assert_eq!(transactions(), 200, "a switch is not one transaction:\n{}", unusual(&monitored()));
    let seen = capture.read();
    assert_eq!(seen.lines().count(), 0, "packets left the server: {seen}");
    assert_eq!(client.status(NoInput {}).await.unwrap().canary.alarms, 0);
    drop(tunnels);
    service.stop().unwrap();
}

/// The transactions in a log of `nft monitor` whose number of lines fewer than ten others have.
fn unusual(log: &str) -> String {
    let all: Vec<&str> = log.split_inclusive("# new generation").collect();
    let alike = |one: &str| all.iter().filter(|other| other.lines().count() == one.lines().count()).count();
    all.iter().filter(|one| alike(one) < 10).copied().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_session_has_its_own_isolation_address() {
    let Some(Up { devices, client, service, lab, tunnels }) = up(2).await else { return };
    client.set_tor_lane(OPEN.into()).await.unwrap();
    let seen = |device: &Device| -> Vec<IpAddr> {
        device.ns.run(|| {
            vec![
                greeting("198.51.100.2:80").unwrap().0,
                query_dns("198.51.100.2:53").unwrap(),
                greeting("10.9.0.1:9050").unwrap().0,
                greeting("[2001:db8:2::2]:80").unwrap().0,
                query_dns("[2001:db8:2::2]:53").unwrap(),
            ]
        })
    };
    let (one, two) = (seen(&devices[0]), seen(&devices[1]));
    assert_eq!(one[..3], [IpAddr::from([100, 64, 0, 2]); 3], "TCP, DNS and SOCKS have different addresses");
    assert_eq!(one[3..], ["fd74:6f72:6e61:64::2".parse::<IpAddr>().unwrap(); 2]);
    assert!(one.iter().all(|address| !two.contains(address)));

    // A new identity: running flows continue, new ones have another address.
    let mut spec = devices[0].spec(&lab);
    spec.isolation = 4_194_302_u32.try_into().unwrap();
    client.put_peer(spec.clone()).await.unwrap();
    client.put_peer(spec.clone()).await.unwrap();
    let after = seen(&devices[0]);
    assert_eq!(after[0].to_string(), "100.127.255.254");
    assert!(after.iter().all(|address| !one.contains(address) && !two.contains(address)));
    assert_eq!(seen(&devices[1]), two);

    // The number survives a deleted table and a restart with a sync; it is removed with the peer.
    lab.server.ok("nft delete table inet tornado");
    lanes_support::eventually(Duration::from_secs(15), async || {
        lab.server.sh("nft list table inet tornado").status.success()
    })
    .await;
    // The deletion raised an alarm, which closed the lane for a moment.
    lanes_support::eventually(Duration::from_secs(15), async || {
        client.status(NoInput {}).await.unwrap().tor_lane == OPEN
    })
    .await;
    assert_eq!(seen(&devices[0]), after);
    let removed = tornado_contracts::wg::RemovePeer { public_key: spec.public_key };
    client.remove_peer(removed).await.unwrap();
    let maps = lab.server.ok("nft list map inet tornado isolation4");
    assert!(!maps.contains("10.9.0.2 ") && maps.contains("10.9.0.3 "), "{maps}");
    sync(&client, vec![spec]).await;
    let maps = lab.server.ok("nft list map inet tornado isolation6");
    assert!(maps.contains(":9::2 ") && !maps.contains(":9::3 "), "{maps}");
    drop(tunnels);
    service.stop().unwrap();
}
