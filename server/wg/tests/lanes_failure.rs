//! Failures: a missing interface, a killed process, a missing ruleset.

mod lanes_support;

use lanes_support::up::up;
use lanes_support::{INTERNET4, eventually, sync};
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tornado_contracts::wg::{Wg as _, WgError};
use tornado_rpc::NoInput;
use tornado_shared::model::{Lane, PrivateKey};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_interface_fails_whole_and_is_recreated() {
    let Some((lab, service, client, before)) = up().await else { return };
    let late = lab.spec(&PrivateKey::random(), 9, None);
    assert_eq!(client.put_peer(late.clone()).await, Err(WgError::NotSynced));
    let device = lab.device();
    sync(&client, vec![device.spec(&lab)]).await;
    let _tunnel = device.connect(&lab, &before, Lane::Direct);
    device.ns.ok("ping -c1 -W2 10.8.0.1");

    // Another program takes the interface's name, so the lane cannot be recreated until that interface is deleted.
    lab.server.ok("sh -c 'until ip link add wg1 type veth peer name x 2>/dev/null; do ip link del wg1; done'");
    for _ in 0..3 {
        let error = client.put_peer(late.clone()).await.unwrap_err();
        assert!(matches!(error, WgError::LaneFailed { lane: Lane::Tor, .. }), "{error}");
        let peers = client.peers(NoInput {}).await.unwrap();
        assert!(peers.iter().all(|peer| peer.public_key != late.public_key), "the first lane was not rolled back");
        let status = client.status(NoInput {}).await.unwrap();
        assert_eq!(status.lanes.iter().map(|end| end.up).collect::<Vec<_>>(), [true, false]);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(lab.server.ok("ip -o link").contains("wg1@x"), "the other program's interface was deleted");
    device.ns.ok("ping -c1 -W2 10.8.0.1");
    lab.server.ok("ip link del wg1");

    eventually(Duration::from_secs(10), async || client.put_peer(late.clone()).await.is_ok()).await;
    let status = client.status(NoInput {}).await.unwrap();
    assert!(status.lanes.iter().all(|end| end.up));
    assert_eq!((status.peers, status.boot_id), (2, before.boot_id));
    let peers = client.peers(NoInput {}).await.unwrap();
    assert_eq!(peers.len(), 4, "both peers on both lanes");

    // The other lane has a running tunnel: the server starts the handshake, at the latest known endpoint, which is
    // saved within a second.
    let (file, key) = (lab.directory.path().join("endpoints.json"), device.key.public_key().to_string());
    eventually(Duration::from_secs(10), async || std::fs::read_to_string(&file).is_ok_and(|text| text.contains(&key)))
        .await;
    lab.server.ok("ip link del wg0");
    let took =
        eventually(Duration::from_secs(5), async || device.ns.sh("ping -c1 -W1 10.8.0.1").status.success()).await;
    assert!(took < lanes_support::patient(Duration::from_millis(2500)), "{took:?}");
    service.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traffic_flows_again_after_a_crash() {
    let Some((lab, mut service, client, status)) = up().await else { return };
    let device = lab.device();
    sync(&client, vec![device.spec(&lab)]).await;
    let tunnel = device.connect(&lab, &status, Lane::Direct);

    lab.echo();
    let socket = device.ns.run(|| UdpSocket::bind("0.0.0.0:0").unwrap());
    socket.connect((INTERNET4, 7)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let answered = move || {
        let _ = socket.send(b"x");
        let mut buffer = [0; 8];
        socket.recv(&mut buffer).is_ok()
    };
    let answered = Arc::new(answered);
    let flows = async || {
        let answered = answered.clone();
        tokio::task::spawn_blocking(move || answered()).await.unwrap()
    };
    eventually(Duration::from_secs(10), &flows).await;
    // The endpoint is saved within a second.
    let file = lab.directory.path().join("endpoints.json");
    eventually(Duration::from_secs(10), async || file.exists()).await;

    for round in 0..3 {
        let started = Instant::now();
        service.kill();
        service = lab.start();
        service.wait_for_status(&client).await;
        sync(&client, vec![device.spec(&lab)]).await;
        eventually(Duration::from_secs(10), &flows).await;
        let took = started.elapsed();
        eprintln!("round {round}: traffic resumed after {took:?}");
        assert!(took < lanes_support::patient(Duration::from_secs(2)), "{took:?}");
    }
    // One table, the canary's table and one rule per family, however often the service was started; none after it
    // stopped.
    let rules = || lab.server.ok("sh -c 'ip rule; ip -6 rule'").matches("iif wg1").count();
    assert_eq!((lab.server.ok("nft list tables").lines().count(), rules()), (2, 2));
    drop(tunnel);
    service.stop().unwrap();
    assert_eq!((lab.server.ok("nft list tables").lines().count(), rules()), (0, 0));
}
