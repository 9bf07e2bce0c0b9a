//! Rates and peer groups of accounts, with real packets on both lanes.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's failure")]
#![expect(clippy::disallowed_methods, reason = "lets packets arrive")]

mod lanes_support;

use lanes_support::tor::{OPEN, fake_tor};
use lanes_support::up::up;
use lanes_support::{Device, INTERNET4, INTERNET6, Lab, Ns, sync};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use tornado_contracts::TrafficPolicy;
use tornado_contracts::wg::{Group, SetGroups, Wg as _, WgClient};
use tornado_rpc::NoInput;
use tornado_shared::model::{Lane, UserId};

/// Rate of a limited account in bytes per second, and the duration of a measurement.
const RATE: u64 = 1_000_000;
const MEASURED: Duration = Duration::from_secs(3);
/// Bounds of a measurement at this rate. The initial bucket (256 KiB) is added, and threads of a busy machine are late.
/// Less than half of the rate would be another rate.
const MOST: u64 = RATE * 3 * 3 / 2 + 256 * 1024;
const LEAST: u64 = RATE * 3 / 2;
/// More than this is unlimited.
const FREE: u64 = MOST + MOST / 2;

/// A server that sends data after a first byte `d` and counts received data after `u`.
fn serve(ns: &Ns, at: &str) {
    let at: SocketAddr = at.parse().unwrap();
    let listener = ns.run(move || TcpListener::bind(at).unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut word = [0];
                let mut block = vec![0; 16_384];
                if stream.read_exact(&mut word).is_err() {
                    return;
                }
                if word == *b"d" {
                    while stream.write_all(&block).is_ok() {}
                } else {
                    let started = Instant::now();
                    let mut count = 0_u64;
                    while let Ok(read @ 1..) = stream.read(&mut block) {
                        // Data still in the sender's buffer when the time is over does not count.
                        count += if started.elapsed() < MEASURED { read as u64 } else { 0 };
                    }
                    let _ = stream.write_all(&count.to_be_bytes());
                }
            });
        }
    });
}

fn download(to: &str) -> u64 {
    let mut stream = TcpStream::connect_timeout(&to.parse().unwrap(), Duration::from_secs(5)).unwrap();
    stream.write_all(b"d").unwrap();
    let (started, mut block, mut count) = (Instant::now(), vec![0; 16_384], 0);
    while started.elapsed() < MEASURED {
        count += stream.read(&mut block).unwrap() as u64;
    }
    count
}

fn upload(to: &str) -> u64 {
    let mut stream = TcpStream::connect_timeout(&to.parse().unwrap(), Duration::from_secs(5)).unwrap();
    stream.write_all(b"u").unwrap();
    let (started, block) = (Instant::now(), vec![0; 16_384]);
    while started.elapsed() < MEASURED {
        stream.write_all(&block).unwrap();
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut count = [0; 8];
    stream.read_exact(&mut count).unwrap();
    u64::from_be_bytes(count)
}

/// The stand-in for Tor echoes everything, so received data has passed both ways.
fn there_and_back(to: &str) -> u64 {
    let mut stream = TcpStream::connect_timeout(&to.parse().unwrap(), Duration::from_secs(5)).unwrap();
    let mut sender = stream.try_clone().unwrap();
    let started = Instant::now();
    let sending = std::thread::spawn(move || {
        let block = vec![0; 4096];
        while started.elapsed() < MEASURED && sender.write_all(&block).is_ok() {}
    });
    let (mut block, mut count) = (vec![0; 16_384], 0);
    while started.elapsed() < MEASURED {
        count += stream.read(&mut block).unwrap() as u64;
    }
    stream.shutdown(std::net::Shutdown::Both).unwrap();
    sending.join().unwrap();
    count
}

async fn set_groups(client: &WgClient, lab: &Lab, all: &[(&[&Device], TrafficPolicy)]) {
    let group = |(number, (devices, traffic_policy)): (usize, &(&[&Device], TrafficPolicy))| {
        let of = |device: &&Device| {
            let spec = device.spec(lab);
            (spec.direct.addresses, spec.tor.addresses)
        };
        let user_id = UserId(uuid::Uuid::from_u128(number as u128 + 1));
        Group { user_id, traffic_policy: *traffic_policy, devices: devices.iter().map(of).collect() }
    };
    client.set_groups(SetGroups { groups: all.iter().enumerate().map(group).collect() }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_limit_holds_for_all_devices_of_one_account_only() {
    let Some((lab, service, client, status)) = up().await else { return };
    let (one, two, other) = (lab.device(), lab.device(), lab.device());
    sync(&client, vec![one.spec(&lab), two.spec(&lab), other.spec(&lab)]).await;
    let limited = TrafficPolicy { download_rate: Some(RATE), upload_rate: Some(RATE), peer_group: false };
    set_groups(&client, &lab, &[(&[&one, &two], limited)]).await;
    let tunnels = [&one, &two, &other].map(|device| device.connect(&lab, &status, Lane::Direct));
    let (v4, v6) = (format!("{INTERNET4}:8080"), format!("[{INTERNET6}]:8080"));
    serve(&lab.internet, &v4);
    serve(&lab.internet, &v6);

    let run = |device: &Device, work: fn(&str) -> u64, to: &str| {
        let to = to.to_owned();
        device.ns.spawn(move || work(&to))
    };
    for to in [&v4, &v6] {
        let down = run(&one, download, to).join().unwrap();
        let up = run(&one, upload, to).join().unwrap();
        println!("{to}: {down} down, {up} up");
        assert!((LEAST..MOST).contains(&down) && (LEAST..MOST).contains(&up), "{to}: {down} down, {up} up");
    }
    // Both devices together have one rate.
    let both = [run(&one, download, &v4), run(&two, download, &v6)].map(|thread| thread.join().unwrap());
    assert!((LEAST..MOST).contains(&both.iter().sum()), "{both:?}");
    let free = run(&other, download, &v4).join().unwrap();
    assert!(free > FREE, "{free}");

    // A change applies to running transfers, and the checks of the firewall report no change.
    set_groups(&client, &lab, &[]).await;
    assert!(run(&one, download, &v4).join().unwrap() > FREE);
    assert!(client.status(NoInput {}).await.unwrap().firewall_verified);

    drop(tunnels);
    std::thread::sleep(Duration::from_millis(300));
    client.set_tor_lane(OPEN.into()).await.unwrap();
    fake_tor(&lab.server);
    let _tunnel = one.connect(&lab, &status, Lane::Tor);
    let free = run(&one, there_and_back, &v4).join().unwrap();
    set_groups(&client, &lab, &[(&[&one], TrafficPolicy { download_rate: None, ..limited })]).await;
    let up = run(&one, there_and_back, &v4).join().unwrap();
    set_groups(&client, &lab, &[(&[&one], TrafficPolicy { upload_rate: None, ..limited })]).await;
    let down = run(&one, there_and_back, &v4).join().unwrap();
    println!("tor lane: {free} without, {up} up, {down} down");
    assert!(free > FREE && (LEAST..MOST).contains(&up) && (LEAST..MOST).contains(&down), "{free} {up} {down}");
    service.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_of_an_account_reach_each_other_only_if_allowed() {
    let Some((lab, service, client, status)) = up().await else { return };
    let (one, two, other) = (lab.device(), lab.device(), lab.device());
    sync(&client, vec![one.spec(&lab), two.spec(&lab), other.spec(&lab)]).await;
    let _tunnels = [&one, &two, &other].map(|device| device.connect(&lab, &status, Lane::Direct));
    for device in [&one, &two, &other] {
        device.ns.ok("ping -c1 -W2 10.8.0.1");
    }
    let reaches = |from: &Device, to: &Device| {
        let spec = to.spec(&lab);
        let addresses = spec.direct.addresses;
        [addresses.v4.to_string(), addresses.v6.to_string(), spec.tor.addresses.v4.to_string()]
            .map(|to| from.ns.sh(&format!("ping -c1 -W1 {to}")).status.success())
    };
    const NOT: [bool; 3] = [false; 3];
    assert_eq!((reaches(&one, &two), reaches(&two, &one)), (NOT, NOT));
    let together = TrafficPolicy { peer_group: true, ..TrafficPolicy::default() };
    set_groups(&client, &lab, &[(&[&one, &two], together), (&[&other], together)]).await;
    // By the addresses of the direct lane only.
    let reached = [true, true, false];
    assert_eq!((reaches(&one, &two), reaches(&two, &one)), (reached, reached));
    assert_eq!((reaches(&one, &other), reaches(&other, &two)), (NOT, NOT));
    // Peer groups survive a reload of the table and end without a restart.
    lab.server.ok("nft delete table inet tornado");
    lanes_support::eventually(Duration::from_secs(15), async || {
        lab.server.sh("nft list table inet tornado").status.success()
    })
    .await;
    assert_eq!(reaches(&one, &two), reached);
    set_groups(&client, &lab, &[]).await;
    assert_eq!((reaches(&one, &two), reaches(&two, &one)), (NOT, NOT));
    service.stop().unwrap();
}
