//! Real packets of an independent WireGuard implementation through both lanes.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's failure")]
#![expect(clippy::disallowed_methods, reason = "lets packets arrive")]

mod lanes_support;

use lanes_support::up::up;
use lanes_support::{Capture, INTERNET4, INTERNET6, SERVER4, SERVER6, sync};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use tornado_contracts::wg::{Backend, PeerStatus, RemovePeer, Wg as _};
use tornado_rpc::NoInput;
use tornado_shared::model::{Lane, PresharedKey};

/// Serves one connection and returns the client's address.
fn serve_once(at: &str) -> IpAddr {
    let listener = TcpListener::bind(at).unwrap();
    let (mut stream, peer) = listener.accept().unwrap();
    let mut request = vec![0; 200_000];
    stream.read_exact(&mut request).unwrap();
    stream.write_all(&request).unwrap();
    peer.ip()
}

fn exchange(to: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&to, lanes_support::patient(Duration::from_secs(5)))?;
    stream.set_read_timeout(Some(lanes_support::patient(Duration::from_secs(5))))?;
    let sent: Vec<u8> = (0..200_000u32).map(|n| n as u8).collect();
    stream.write_all(&sent)?;
    let mut got = vec![0; sent.len()];
    stream.read_exact(&mut got)?;
    assert_eq!(sent, got);
    Ok(())
}

fn connect(to: &str) -> (Result<(), ErrorKind>, Duration) {
    let started = Instant::now();
    let result = TcpStream::connect_timeout(&to.parse().unwrap(), lanes_support::patient(Duration::from_secs(3)));
    (result.map(drop).map_err(|e| e.kind()), started.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_direct_lane_carries_both_families_and_hides_the_rest() {
    let Some((lab, service, client, status)) = up().await else { return };
    assert!(status.firewall_verified && !status.synced && status.lanes.iter().all(|end| end.up));
    let (one, two) = (lab.device(), lab.device());
    sync(&client, vec![one.spec(&lab), two.spec(&lab)]).await;
    let (_t1, _t2) = (one.connect(&lab, &status, Lane::Direct), two.connect(&lab, &status, Lane::Direct));

    for (address, server) in [(format!("{INTERNET4}:8080"), SERVER4), (format!("[{INTERNET6}]:8080"), SERVER6)] {
        let at = address.clone();
        let listener = lab.internet.spawn(move || serve_once(&at));
        std::thread::sleep(Duration::from_millis(200));
        one.ns.run(move || exchange(address.parse().unwrap())).unwrap();
        assert_eq!(listener.join().unwrap(), server.parse::<IpAddr>().unwrap());
    }
    let peers = client.peers(NoInput {}).await.unwrap();
    let mine = peers.iter().find(|p| p.lane == Lane::Direct && p.public_key == one.key.public_key()).unwrap();
    assert!(mine.transfer.rx_bytes > 400_000 && mine.transfer.tx_bytes > 400_000, "{:?}", mine.transfer);
    assert!(mine.latest_handshake.is_some() && mine.endpoint.is_some());

    // The gateway answers ping and its API port is reachable. All other ports refuse at once.
    one.ns.ok("ping -c1 -W2 10.8.0.1");
    one.ns.ok("ping -c1 -W2 fd74:6f72:6e61:8::1");
    let _listeners: Vec<_> = ["0.0.0.0:22", "0.0.0.0:4605", "[::1]:22"]
        .map(|at| lab.server.run(move || TcpListener::bind(at).unwrap()))
        .into();
    assert_eq!(one.ns.run(|| connect("10.8.0.1:4605")).0, Ok(()));
    let _names = ["10.8.0.1:53", "[fd74:6f72:6e61:8::1]:53"].map(|at| {
        let listener = lab.server.run(move || TcpListener::bind(at).unwrap());
        assert_eq!(one.ns.run(move || connect(at)).0, Ok(()), "the lane's resolver cannot be reached");
        listener
    });
    for port in ["10.8.0.1:22", "198.51.100.1:22", "10.9.0.1:22"] {
        let (result, took) = one.ns.run(move || connect(port));
        assert_eq!(result, Err(ErrorKind::ConnectionRefused), "{port}");
        assert!(took < lanes_support::patient(Duration::from_secs(1)), "{took:?}");
    }
    // Devices cannot reach each other, by the addresses of either lane.
    two.ns.ok("ping -c1 -W2 10.8.0.1");
    for to in ["10.8.0.3", "10.9.0.3", "fd74:6f72:6e61:8::3"] {
        assert!(!one.ns.sh(&format!("ping -c1 -W1 {to}")).status.success(), "{to}");
    }
    // A host outside cannot reach a device, even if it routes the pool to the server (CVE-2019-14899).
    lab.internet.ok("ip route add 10.8.0.0/16 via 198.51.100.1");
    assert!(!lab.internet.sh("ping -c1 -W1 10.8.0.2").status.success());
    assert!(!lab.internet.sh("ping -c1 -W1 10.8.0.1").status.success());

    let last = client.remove_peer(RemovePeer { public_key: one.key.public_key() }).await.unwrap();
    assert!(last.direct.rx_bytes > 400_000 && last.tor.rx_bytes == 0);
    assert!(!one.ns.sh("ping -c1 -W1 10.8.0.1").status.success());
    service.stop().unwrap();
    assert_eq!(lab.server.ok("nft list tables").trim(), "");
    assert!(!lab.server.ok("ip -o link").contains("wg0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaves_the_tor_lane() {
    let Some((lab, service, client, status)) = up().await else { return };
    let device = lab.device();
    sync(&client, vec![device.spec(&lab)]).await;
    let _tunnel = device.connect(&lab, &status, Lane::Tor);
    let capture = Capture::start(&lab.internet, "eth0", lab.directory.path());
    let _names = lab.server.run(|| TcpListener::bind("10.8.0.1:53").unwrap());

    let sending = |without_table: bool| {
        for to in [INTERNET4, INTERNET6, "203.0.113.9"] {
            assert!(!device.ns.sh(&format!("ping -c2 -i0.2 -W1 {to}")).status.success());
        }
        // 10.8.0.1:53 is the resolver of the other lane.
        for to in ["198.51.100.2:80", "10.9.0.1:80", "10.8.0.1:53"] {
            let (result, took) = device.ns.run(move || connect(to));
            let refused =
                result == Err(ErrorKind::ConnectionRefused) && took < lanes_support::patient(Duration::from_secs(1));
            assert!(without_table || refused, "{to}: {result:?} after {took:?}");
        }
        device.ns.run(|| {
            use nix::sys::socket::{
                AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, sendto, socket,
            };
            use std::os::fd::AsRawFd as _;
            let udp = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
            for port in [53, 443, 33434] {
                let _ = udp.send_to(&[7; 3000], ("198.51.100.2", port));
            }
            let raw = socket(AddressFamily::Inet, SockType::Raw, SockFlag::empty(), SockProtocol::Raw).unwrap();
            for protocol in [4u8, 6, 17, 41, 47, 50, 51, 132, 136, 255] {
                let mut packet = vec![0x45, 0, 0, 60, 0, 1, 0, 0, 64, protocol, 0, 0];
                packet.extend([10, 9, 0, 2, 198, 51, 100, 2]);
                packet.resize(60, 0xff);
                let to = SockaddrIn::new(198, 51, 100, 2, 0);
                let _ = sendto(raw.as_raw_fd(), &packet, &to, MsgFlags::empty());
            }
        });
    };
    // The gateway of the lane itself is closed, too.
    assert!(!device.ns.sh("ping -c1 -W1 10.9.0.1").status.success());
    sending(false);
    // The second layer: without the whole table there is still no forwarding.
    lab.server.ok("nft delete table inet tornado");
    sending(true);
    // The service loads the table again.
    lanes_support::eventually(Duration::from_secs(15), async || {
        lab.server.sh("nft list table inet tornado").status.success()
    })
    .await;
    let received = client.peers(NoInput {}).await.unwrap();
    assert!(
        received.iter().any(|p| p.lane == Lane::Tor && p.transfer.rx_bytes > 2000),
        "no packets reached the server"
    );
    // The capture works: it shows the server's own packets.
    lab.server.ok(&format!("ping -c1 -W2 {INTERNET4}"));
    let seen = capture.read();
    assert!(seen.contains("198.51.100.1 > 198.51.100.2: ICMP echo request"), "{seen}");
    assert_eq!(seen.lines().count(), 2, "packets reached the internet: {seen}");
    assert_eq!(
        status.backend,
        if lanes_support::sh("modinfo wireguard").status.success() { Backend::Kernel } else { Backend::Userspace }
    );
    drop(service);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_do_not_reach_the_servers_loopback() {
    let Some((lab, service, client, status)) = up().await else { return };
    let device = lab.device();
    sync(&client, vec![device.spec(&lab)]).await;
    let tunnel = device.connect(&lab, &status, Lane::Direct);
    device.ns.ok("ping -c1 -W2 10.8.0.1");
    assert_eq!(lab.server.ok("sysctl -n net.ipv4.conf.all.route_localnet").trim(), "0");
    assert_eq!(lab.server.ok("sysctl -n net.ipv4.conf.wg0.route_localnet").trim(), "0");

    // A hostile device has no loopback addresses and routes that network into the tunnel.
    device.ns.ok("ip addr flush dev lo");
    device.ns.ok(&format!("sysctl -qw net.ipv4.conf.{}.route_localnet=1", tunnel.name));
    device.ns.ok(&format!("ip route add 127.0.0.0/8 dev {} src 10.8.0.{}", tunnel.name, device.slot));
    let listener = lab.server.run(|| {
        let socket = std::net::UdpSocket::bind("0.0.0.0:9999").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        socket
    });
    let capture = Capture::start(&lab.server, "wg0", lab.directory.path());
    device.ns.run(|| {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        for to in ["127.0.0.1", "10.8.0.1", SERVER4] {
            socket.send_to(b"x", (to, 9999)).unwrap();
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let received = listener.recv_from(&mut [0; 8]);
    assert!(received.is_err(), "{received:?}");
    let seen = capture.read();
    assert!(seen.contains("> 127.0.0.1.9999: UDP"), "the packets did not reach the lane: {seen}");
    service.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_reconnects_with_another_preshared_key() {
    let Some((lab, service, client, status)) = up().await else { return };
    let mut device = lab.device();
    device.psk = None;
    sync(&client, vec![device.spec(&lab)]).await;
    let tunnel = device.connect(&lab, &status, Lane::Direct);
    device.ns.ok("ping -c1 -W2 10.8.0.1");
    let known = client.peers(NoInput {}).await.unwrap();

    // The change cuts no running session and keeps the endpoint. Repeating it changes nothing.
    device.psk = Some(PresharedKey::from_bytes([9; 32]));
    client.put_peer(device.spec(&lab)).await.unwrap();
    client.put_peer(device.spec(&lab)).await.unwrap();
    device.ns.ok("ping -c1 -W1 10.8.0.1");
    let still = client.peers(NoInput {}).await.unwrap();
    let endpoint = |peers: &[PeerStatus]| peers.iter().find(|p| p.lane == Lane::Direct).unwrap().endpoint;
    assert!(endpoint(&known).is_some());
    assert_eq!(endpoint(&known), endpoint(&still));
    drop(tunnel);
    std::thread::sleep(Duration::from_millis(300));

    let right = device.psk.replace(PresharedKey::from_bytes([8; 32]));
    let wrong = device.connect(&lab, &status, Lane::Direct);
    assert!(!device.ns.sh("ping -c2 -i0.3 -W1 10.8.0.1").status.success());
    drop(wrong);
    std::thread::sleep(Duration::from_millis(300));
    device.psk = right;
    let _tunnel = device.connect(&lab, &status, Lane::Direct);
    device.ns.ok("ping -c1 -W2 10.8.0.1");
    service.stop().unwrap();
}
