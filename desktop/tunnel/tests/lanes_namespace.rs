//! A tunnel on a real network stack: two network namespaces, wireguard-go as the server's end, real packets.
//!
//! Needs root, `ip`, `wg` and `wireguard-go`.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tornado_shared::model::{Lane, PresharedKey, PrivateKey};
use tornado_tunnel::Tunnel;
use tornado_tunnel::os::Os as _;
use tornado_tunnel::os::linux::{Linux, Settings};
use tornado_tunnel::plan::{Backend, LanePlan, Plan, Slot};
use tornado_tunnel::state::{Failure, Phase};

/// A device and a server with two lanes, on a wire. Everything goes when it is dropped.
struct World {
    id: String,
    servers: Vec<Child>,
    server_keys: [PrivateKey; 2],
    device: PrivateKey,
    preshared: PresharedKey,
}

const INTERNET: [&str; 2] = ["198.51.100.1", "2001:db8:ffff::1"];

fn sh(text: &str) -> String {
    let out = Command::new("sh").args(["-ec", text]).output().unwrap();
    assert!(out.status.success(), "{text}\n{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

impl World {
    fn new(name: &str) -> Self {
        let id = format!("tt{name}{}", std::process::id());
        let mut world = Self {
            id: id.clone(),
            servers: Vec::new(),
            server_keys: [PrivateKey::random(), PrivateKey::random()],
            device: PrivateKey::random(),
            preshared: PresharedKey::from_bytes([5; 32]),
        };
        sh(&format!(
            "ip netns add {id}d; ip netns add {id}s
             ip -n {id}d link add e0 type veth peer name e0 netns {id}s
             for n in {id}d {id}s; do ip -n $n link set lo up; ip -n $n link set e0 up; done
             ip -n {id}d addr add 192.0.2.2/24 dev e0; ip -n {id}d addr add 2001:db8::2/64 dev e0 nodad
             ip -n {id}s addr add 192.0.2.1/24 dev e0; ip -n {id}s addr add 2001:db8::1/64 dev e0 nodad
             ip -n {id}d route add default via 192.0.2.1; ip -n {id}d -6 route add default via 2001:db8::1
             ip -n {id}s addr add {}/32 dev lo; ip -n {id}s addr add {}/128 dev lo
             ip netns exec {id}d sh -c 'for f in all default e0; do echo 1 > /proc/sys/net/ipv4/conf/$f/rp_filter; done'",
            INTERNET[0], INTERNET[1]
        ));
        for (n, lane) in Lane::ALL.into_iter().enumerate() {
            world.serve_lane(n, lane);
        }
        world
    }

    fn serve_lane(&mut self, n: usize, lane: Lane) {
        let (id, interface) = (&self.id, format!("{}{n}", self.id));
        let child = Command::new("ip")
            .args(["netns", "exec", &format!("{id}s"), "wireguard-go", "-f", &interface])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.servers.push(child);
        let socket = format!("/var/run/wireguard/{interface}.sock");
        let deadline = Instant::now() + Duration::from_secs(5);
        while !std::path::Path::new(&socket).exists() {
            assert!(Instant::now() < deadline, "wireguard-go did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        let third = addresses(lane);
        sh(&format!(
            "t=$(mktemp -d); trap 'rm -r $t' EXIT; umask 077
             echo '{}' > $t/key; echo '{}' > $t/psk
             ip netns exec {id}s wg set {interface} private-key $t/key listen-port {} \
                peer '{}' preshared-key $t/psk allowed-ips {}/32,{}/128
             ip -n {id}s link set {interface} up mtu 1420
             ip -n {id}s route add {}/32 dev {interface}; ip -n {id}s route add {}/128 dev {interface}",
            self.server_keys[n].expose_base64(),
            self.preshared.expose_base64(),
            51820 + n,
            self.device.public_key(),
            third[0],
            third[1],
            third[0],
            third[1],
        ));
    }

    fn plan(&self, lane: Lane) -> Plan {
        let part = |n: usize, lane: Lane| LanePlan {
            addresses: addresses(lane).to_vec(),
            peer: self.server_keys[n].public_key(),
            preshared_key: Some(self.preshared.clone()),
            endpoint: format!("192.0.2.1:{}", 51820 + n).parse().unwrap(),
            others: Vec::new(),
            mtu: 1420,
            dns: Vec::new(),
        };
        Plan {
            private_key: self.device.clone(),
            lane,
            direct: part(0, Lane::Direct),
            tor: part(1, Lane::Tor),
            api: vec!["192.0.2.1:4605".parse().unwrap(), "[2001:db8::1]:4605".parse().unwrap()],
        }
    }

    /// Runs a piece of work on a thread inside a namespace.
    fn within<T: Send + 'static>(&self, host: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
        let namespace = File::open(format!("/run/netns/{}{host}", self.id)).unwrap();
        let thread = std::thread::spawn(move || {
            nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Listeners in the server's namespace that tell whoever connects which address was seen.
    fn tell_addresses(&self) {
        self.within("s", || {
            for address in [
                format!("{}:80", INTERNET[0]),
                format!("[{}]:80", INTERNET[1]),
                "192.0.2.1:4605".into(),
                "[2001:db8::1]:4605".into(),
                "192.0.2.1:80".into(),
            ] {
                let listener = TcpListener::bind(address.parse::<SocketAddr>().unwrap()).unwrap();
                std::thread::spawn(move || {
                    while let Ok((mut stream, peer)) = listener.accept() {
                        let _ = stream.write_all(peer.ip().to_string().as_bytes());
                    }
                });
            }
        });
    }

    fn rules(&self) -> String {
        sh(&format!(
            "ip -n {0}d rule; ip -n {0}d -6 rule; ip -n {0}d route show table all | grep -v 'table local'; ip -n {0}d -o link | wc -l",
            self.id
        ))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
        for host in ["d", "s"] {
            let _ = Command::new("ip").args(["netns", "del", &format!("{}{host}", self.id)]).status();
        }
        for n in 0..2 {
            let _ = std::fs::remove_file(format!("/var/run/wireguard/{}{n}.sock", self.id));
        }
    }
}

fn addresses(lane: Lane) -> [IpAddr; 2] {
    match lane {
        Lane::Direct => ["10.8.0.2".parse().unwrap(), "fd74::2".parse().unwrap()],
        Lane::Tor => ["10.9.0.2".parse().unwrap(), "fd75::2".parse().unwrap()],
    }
}

/// As which address a listener sees this thread; `None` when it cannot be reached.
fn seen_by(to: &str) -> Option<IpAddr> {
    let mut stream = TcpStream::connect_timeout(&to.parse().unwrap(), Duration::from_secs(2)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text.parse().unwrap())
}

fn internet() -> [Option<IpAddr>; 2] {
    [seen_by(&format!("{}:80", INTERNET[0])), seen_by(&format!("[{}]:80", INTERNET[1]))]
}

fn through(lane: Lane) -> [Option<IpAddr>; 2] {
    addresses(lane).map(Some)
}

fn clear() -> [Option<IpAddr>; 2] {
    [Some("192.0.2.2".parse().unwrap()), Some("2001:db8::2".parse().unwrap())]
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Blocking work beside the tunnel, on a thread of the same namespace.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn settings() -> Settings {
    Settings { interface: "ttun".into(), ..Settings::default() }
}

#[test]
fn traffic_of_both_families_takes_the_lane_and_comes_back() {
    let world = World::new("a");
    world.tell_addresses();
    let before = world.rules();
    let (direct, unreachable) = (world.plan(Lane::Direct), {
        let mut plan = world.plan(Lane::Direct);
        plan.direct.peer = PrivateKey::random().public_key();
        plan
    });
    world.within("d", move || {
        block_on(async {
            assert_eq!(beside(internet).await, clear());
            let (tunnel, task) = Tunnel::start(Box::new(Linux::open(settings()).await.unwrap()), None);

            let started = Instant::now();
            let view = tunnel.connect(direct).await.unwrap();
            assert_eq!(view.phase, Phase::Connected, "{view:?}");
            println!("connected in {:?} by {:?}", started.elapsed(), view.backend);
            assert_eq!(beside(internet).await, through(Lane::Direct));
            // The device API stays outside, by a strict reverse-path filter; other ports of the server do not.
            assert_eq!(beside(|| seen_by("192.0.2.1:4605")).await, clear()[0]);
            assert_eq!(beside(|| seen_by("[2001:db8::1]:4605")).await, clear()[1]);

            // While lanes are switched nothing is seen in the clear: make before break.
            let stop = Arc::new(AtomicBool::new(false));
            let asking = tokio::task::spawn_blocking({
                let stop = stop.clone();
                move || {
                    let mut seen = Vec::new();
                    while !stop.load(Ordering::SeqCst) {
                        seen.extend(internet().into_iter().flatten());
                    }
                    seen
                }
            });
            for lane in [Lane::Tor, Lane::Direct, Lane::Tor, Lane::Direct] {
                assert_eq!(tunnel.switch(lane).await.unwrap().lane, Some(lane));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            stop.store(true, Ordering::SeqCst);
            let seen = asking.await.unwrap();
            assert!(seen.len() > 5, "{} answers", seen.len());
            let lanes = Lane::ALL.map(addresses).concat();
            assert!(seen.iter().all(|address| lanes.contains(address)), "{seen:?}");

            let view = tunnel.switch(Lane::Tor).await.unwrap();
            assert_eq!((view.phase, view.lane), (Phase::Connected, Some(Lane::Tor)), "{view:?}");
            assert_eq!(beside(internet).await, through(Lane::Tor));
            tokio::time::sleep(Duration::from_millis(1200)).await;
            let view = tunnel.watch().borrow().clone();
            assert!(view.observed.transfer.rx_bytes > 0 && view.observed.transfer.tx_bytes > 0, "{view:?}");
            assert!(!view.stale && view.preshared);

            assert_eq!(tunnel.disconnect().await.unwrap().phase, Phase::Disconnected);
            assert_eq!(beside(internet).await, clear());

            let started = Instant::now();
            let view = tunnel.connect(unreachable).await.unwrap();
            assert_eq!((view.phase, view.failure), (Phase::Disconnected, Some(Failure::NoHandshake(Lane::Direct))));
            assert!(started.elapsed() < Duration::from_secs(6));
            assert_eq!(beside(internet).await, clear());
            drop(tunnel);
            task.await.unwrap();
        });
    });
    assert_eq!(world.rules(), before);
}

#[test]
fn a_crash_stops_traffic_and_the_next_start_cleans_up() {
    let world = World::new("b");
    world.tell_addresses();
    let before = world.rules();
    let plan = world.plan(Lane::Direct);
    world.within("d", move || {
        block_on(async {
            let mut os = Linux::open(settings()).await.unwrap();
            let backend = os.up(&plan.link(Slot::A)).await.unwrap();
            os.route(&plan.routing(Slot::A)).await.unwrap();
            assert_eq!(beside(internet).await, through(Lane::Direct));
            // As if the process had died: the TUN device goes, rules and routes stay. A kernel's interface stays too,
            // and goes on carrying.
            drop(os);
            tokio::time::sleep(Duration::from_millis(300)).await;
            let still = if backend == Backend::Kernel { through(Lane::Direct) } else { [None, None] };
            assert_eq!(beside(internet).await, still, "a dead tunnel releases nothing");
            assert_eq!(beside(|| seen_by("192.0.2.1:4605")).await, clear()[0]);

            let (tunnel, task) = Tunnel::start(Box::new(Linux::open(settings()).await.unwrap()), None);
            tunnel.disconnect().await.unwrap();
            assert_eq!(beside(internet).await, clear());
            drop(tunnel);
            task.await.unwrap();
        });
    });
    assert_eq!(world.rules(), before);
}

#[test]
fn a_lane_without_ipv6_refuses_it_instead_of_leaking_it() {
    let world = World::new("c");
    world.tell_addresses();
    let mut plan = world.plan(Lane::Direct);
    plan.direct.addresses.truncate(1);
    world.within("d", move || {
        block_on(async {
            let (tunnel, task) = Tunnel::start(Box::new(Linux::open(settings()).await.unwrap()), None);
            assert_eq!(tunnel.connect(plan).await.unwrap().phase, Phase::Connected);
            assert_eq!(beside(internet).await, [through(Lane::Direct)[0], None]);
            drop(tunnel);
            task.await.unwrap();
        });
    });
}

#[test]
fn one_lost_datagram_does_not_fail_a_connect() {
    let world = World::new("e");
    world.tell_addresses();
    // Drops what fits into 200 bytes: the first handshake message, which has 176 with its headers.
    sh(&format!(
        "ip netns exec {}s nft -f - <<'E'
         table inet lossy {{
           chain in {{ type filter hook input priority 0; policy accept; udp dport 51820 quota until 200 bytes drop; }}
         }}
E",
        world.id
    ));
    let plan = world.plan(Lane::Direct);
    world.within("d", move || {
        block_on(async {
            let (tunnel, task) = Tunnel::start(Box::new(Linux::open(settings()).await.unwrap()), None);
            let begun = Instant::now();
            let view = tunnel.connect(plan).await.unwrap();
            assert_eq!(view.phase, Phase::Connected, "{view:?}");
            assert!(begun.elapsed() > Duration::from_secs(1), "the first message was not lost");
            assert_eq!(beside(internet).await, through(Lane::Direct));
            drop(tunnel);
            task.await.unwrap();
        });
    });
}

#[test]
fn ipv6_that_is_switched_off_for_new_interfaces_only_does_not_leak() {
    let world = World::new("f");
    world.tell_addresses();
    let before = world.rules();
    let set = "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6";
    sh(&format!("ip netns exec {}d sh -c '{set}'", world.id));
    let plan = world.plan(Lane::Direct);
    world.within("d", move || {
        block_on(async {
            assert_eq!(beside(internet).await, clear());
            let (tunnel, task) = Tunnel::start(Box::new(Linux::open(settings()).await.unwrap()), None);
            assert_eq!(tunnel.connect(plan).await.unwrap().phase, Phase::Connected);
            assert_eq!(beside(internet).await, [through(Lane::Direct)[0], None]);
            assert_eq!(tunnel.disconnect().await.unwrap().phase, Phase::Disconnected);
            assert_eq!(beside(internet).await, clear());
            drop(tunnel);
            task.await.unwrap();
        });
    });
    assert_eq!(world.rules(), before);
}
