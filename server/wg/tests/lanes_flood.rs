//! A device that starts flows in a loop: its flows are refused, status names it, and no other device is affected.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's failure")]
#![expect(clippy::disallowed_methods, reason = "sends at a pace")]

mod lanes_support;

use lanes_support::tor::{OPEN, fake_tor, greeting};
use lanes_support::up::up_with;
use lanes_support::{Device, INTERNET4, Lab, eventually, sync};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};
use tornado_contracts::wg::{PeerSpec, Wg as _};
use tornado_rpc::NoInput;
use tornado_shared::model::{Lane, UserId};

/// Small enough to be reached within the test.
const FLOWS: u32 = 400;
/// Limit of tracked flows per address. Ended flows no longer count against the limit of a device, but are still
/// tracked.
const MOST: usize = 2 * FLOWS as usize;
/// Minimum number of attempted flows. Without a limit all of them would be tracked.
const TRIED: usize = 10 * FLOWS as usize;

/// Starts as many flows as fit into `time`: each datagram goes to another port.
fn flood(device: &Device, from: &'static str, to: &'static str, time: Duration) -> std::thread::JoinHandle<usize> {
    device.ns.spawn(move || {
        let (socket, started, mut tried) = (UdpSocket::bind((from, 0)).unwrap(), Instant::now(), 0);
        while started.elapsed() < time || tried < TRIED {
            let port = u16::try_from(tried % 60_000).unwrap() + 1_000;
            // An ICMP rejection is reported as an error of the next datagram.
            let _ = socket.send_to(b"x", (to, port));
            tried += 1;
            // At a higher rate this would be a packet flood, which fills the tunnel of a slow machine.
            if tried % 20 == 0 {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        tried
    })
}

/// Sends queries of names to Tor, all from one socket; returns how many were answered, and the time it took.
fn count_dns_responses(device: &Device, queries: usize) -> (usize, Duration) {
    device.ns.run(move || {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.connect((INTERNET4, 53)).unwrap();
        let (started, mut answered, mut buffer) = (Instant::now(), 0, [0; 64]);
        let mut receive = |wait: Duration| {
            socket.set_read_timeout(Some(wait)).unwrap();
            loop {
                match socket.recv(&mut buffer) {
                    Ok(_) => answered += 1,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                    // A query was refused by ICMP; most of those that are refused get no answer at all.
                    Err(_) => {}
                }
            }
        };
        for _ in 0..queries {
            let _ = socket.send(b"twenty bytes or more");
            receive(Duration::from_millis(1));
        }
        let took = started.elapsed();
        receive(Duration::from_secs(1));
        (answered, took)
    })
}

fn flows_of(lab: &Lab, address: &str) -> usize {
    let all = lab.server.ok("cat /proc/net/nf_conntrack");
    all.lines()
        .filter(|line| line.split_whitespace().find(|word| word.starts_with("src=")) == Some(&format!("src={address}")))
        .count()
}

fn connect(to: SocketAddr) -> Result<(), ErrorKind> {
    TcpStream::connect_timeout(&to, lanes_support::patient(Duration::from_secs(10)))
        .map(drop)
        .map_err(|error| error.kind())
}

fn spec(lab: &Lab, device: &Device, account: u128) -> PeerSpec {
    PeerSpec { account: Some(UserId(uuid::Uuid::from_u128(account))), ..device.spec(lab) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flooding_device_is_limited_and_delays_no_other() {
    let Some((lab, service, client, status)) = up_with(|lab| lab.wiring.lanes.max_flows = FLOWS).await else { return };
    let (bad, good) = (lab.device(), lab.device());
    sync(&client, vec![spec(&lab, &bad, 7), spec(&lab, &good, 8)]).await;
    let tunnels = [&bad, &good].map(|device| device.connect(&lab, &status, Lane::Direct));
    let listen = |ns: &lanes_support::Ns, at: &'static str| {
        let listener = ns.run(move || TcpListener::bind(at).unwrap());
        std::thread::spawn(move || while listener.accept().is_ok() {});
    };
    listen(&lab.internet, "198.51.100.2:80");
    listen(&lab.server, "0.0.0.0:4605");
    for device in [&bad, &good] {
        device.ns.ok("ping -c1 -W2 10.8.0.1");
    }
    assert!(client.status(NoInput {}).await.unwrap().over_flow_limit.is_empty());

    let time = Duration::from_secs(4);
    let floods = [
        flood(&bad, "0.0.0.0", INTERNET4, time),
        flood(&bad, "::", "2001:db8:2::2", time),
        flood(&bad, "0.0.0.0", "10.8.0.1", time),
    ];
    let (mut most, mut tried, mut slowest) = (0, 0, Duration::ZERO);
    while floods.iter().any(|flood| !flood.is_finished()) {
        let started = Instant::now();
        for to in ["198.51.100.2:80", "10.8.0.1:4605"] {
            assert_eq!(good.ns.run(move || connect(to.parse().unwrap())), Ok(()), "another device: {to}");
        }
        assert_eq!(lab.internet.run(|| connect("198.51.100.1:4605".parse().unwrap())), Ok(()), "the API from outside");
        slowest = slowest.max(started.elapsed());
        // Keeps the other device within its own rate.
        tokio::time::sleep(Duration::from_millis(150)).await;
        most = most.max(flows_of(&lab, "10.8.0.2")).max(flows_of(&lab, "fd74:6f72:6e61:0008:0000:0000:0000:0002"));
    }
    for flood in floods {
        tried += flood.join().unwrap();
    }
    eprintln!(
        "{tried} flows attempted, at most {most} tracked per address; three connections of others took {slowest:?}"
    );
    assert!(most <= MOST, "{most} flows of one address are tracked");
    assert!(slowest < lanes_support::patient(Duration::from_secs(10)), "{slowest:?}");
    // Over its rate the device receives resets.
    let attempts: Vec<_> = bad.ns.run(|| (0..FLOWS).map(|_| connect("198.51.100.2:80".parse().unwrap())).collect());
    assert!(attempts.contains(&Err(ErrorKind::ConnectionRefused)));
    assert!(attempts.iter().all(|one| !matches!(one, Err(kind) if *kind != ErrorKind::ConnectionRefused)), "silence");
    eventually(Duration::from_secs(6), async || {
        let named = client.status(NoInput {}).await.unwrap().over_flow_limit;
        let (device, account) = (bad.key.public_key(), Some(UserId(uuid::Uuid::from_u128(7))));
        named.len() == 1 && named[0].public_key == device && named[0].account == account
    })
    .await;
    drop(tunnels);

    // The same on the tor lane, whose flows end at Tor.
    client.set_tor_lane(OPEN.into()).await.unwrap();
    fake_tor(&lab.server);
    let as_user = |uid: u32| {
        let call = "bash -c 'exec 3<>/dev/tcp/10.9.0.1/9040'";
        lab.server.sh(&format!("setpriv --reuid={uid} --clear-groups {call}")).status.success()
    };
    assert!(as_user(0), "root cannot reach Tor's port");
    assert!(!as_user(65_534), "a local user reaches Tor");
    let tunnels = [&bad, &good].map(|device| device.connect(&lab, &status, Lane::Tor));
    good.ns.run(|| greeting("198.51.100.2:80")).unwrap();
    let kept = bad.ns.run(|| {
        let connections = (0..2 * FLOWS).map(|_| TcpStream::connect(("198.51.100.2", 443)));
        connections.flatten().collect::<Vec<_>>()
    });
    let established = flows_of(&lab, "10.9.0.2");
    assert!(kept.len() <= FLOWS as usize && established <= FLOWS as usize + 1, "{} of {established}", kept.len());
    good.ns.run(|| greeting("198.51.100.2:80")).unwrap();

    // In a single flow, so that the rate of new flows does not matter.
    let (answered, took) = count_dns_responses(&bad, 2_000);
    // 300 at once, and 20 a second.
    let most = 300 + 25 * (1 + took.as_secs() as usize);
    assert!((150..=most).contains(&answered), "{answered} queries in {took:?} were answered, {most} may be");
    assert_eq!(count_dns_responses(&good, 20).0, 20, "another device's names");
    let status = client.status(NoInput {}).await.unwrap();
    assert!(status.firewall_verified && status.canary.alarms == 0, "{status:?}");
    assert!(status.over_flow_limit.iter().all(|one| one.public_key != good.key.public_key()));
    drop(tunnels);
    service.stop().unwrap();
}
