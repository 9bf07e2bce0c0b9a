//! DNS on the direct lane: queries go through the tunnel to the server's own resolver.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tornado_e2e_harness::{DeviceProc, Host, INTERNET, Programs, wait_for};
use tornado_e2e_lanes::world::{PASSWORD, World};

/// The lane's first address.
const RESOLVER: &str = "10.8.0.1:53";
const WITHIN: Duration = Duration::from_secs(6);

/// Answers every A query with its own address, in `internet`. Stopped on drop.
struct Upstream {
    asked: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Upstream {
    fn start(host: &Host) -> Self {
        let at = SocketAddr::from((INTERNET.v4, 53));
        let socket = host.enter(|| UdpSocket::bind(at).unwrap()).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let (asked, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, end) = (asked.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while !end.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    count.fetch_add(1, Ordering::Relaxed);
                    let _ = socket.send_to(&answer(&buffer[..length]), from);
                }
            }
        });
        Self { asked, stop, thread: Some(thread) }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Builds the response (RFC 1035 §4.1): the question, and one address for an A query.
fn answer(question: &[u8]) -> Vec<u8> {
    let name = question[12..].iter().position(|byte| *byte == 0).unwrap() + 13;
    let is_a = question[name..name + 2] == [0, 1];
    let mut bytes = question[..2].to_vec();
    bytes.extend([0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
    bytes.extend(&question[12..name + 4]);
    if is_a {
        bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4]);
        bytes.extend(INTERNET.v4.octets());
    }
    bytes
}

fn question(name: &str) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

/// Returns the response code and the last four bytes, which are the address if there is one.
fn ask(host: &Host, name: &str) -> Option<(u8, Ipv4Addr)> {
    ask_at(host, RESOLVER, name)
}

fn ask_at(host: &Host, at: &str, name: &str) -> Option<(u8, Ipv4Addr)> {
    let reply = host.udp_ask(at.parse().unwrap(), &question(name), WITHIN).unwrap()?;
    let last: [u8; 4] = *reply.last_chunk()?;
    Some((reply[3] & 0x0f, last.into()))
}

#[test]
fn devices_of_the_direct_lane_ask_the_server_and_nobody_else_can() {
    let config = format!("[dns]\ndnssec = false\nupstreams = ['{}']\n", INTERNET.v4);
    let world = World::up(1, &config).unwrap();
    let upstream = Upstream::start(world.lab.host("internet").unwrap());
    let device = world.enrolled(1).unwrap();
    device.cli(&["connect"]).unwrap().success().unwrap();
    let ends = world.server.mesh("wg").get("/v1/status").unwrap();
    let direct = ends["lanes"].as_array().unwrap().iter().find(|end| end["lane"] == "direct").unwrap();
    assert_eq!(direct["dns"]["v4"], "10.8.0.1", "offers must name the resolver: {direct}");

    let clear = device.host().capture("eth0", "port 53").unwrap();
    assert_eq!(ask(device.host(), "www.example.org"), Some((0, INTERNET.v4)));
    let asked = upstream.asked.load(Ordering::Relaxed);
    assert_eq!(ask(device.host(), "www.example.org"), Some((0, INTERNET.v4)));
    assert_eq!(upstream.asked.load(Ordering::Relaxed), asked, "the second query must be answered from the cache");
    assert_eq!(clear.stop().unwrap().count(), 0, "no query may bypass the tunnel");

    // The resolver serves neither internet nor the server's public address.
    let internet = world.lab.host("internet").unwrap();
    let public = SocketAddr::from((tornado_e2e_harness::SERVER.v4, 53));
    let refused = internet.udp_ask(public, &question("www.example.org"), Duration::from_secs(1));
    assert!(!matches!(refused, Ok(Some(_))), "the server must not answer hosts outside the tunnel");

    // The resolver's death does not affect the tunnel.
    let pid = world.server.kill_service("dns").unwrap();
    wait_for("the resolver to be back", Duration::from_secs(10), || {
        let again = world.server.pid_of("dns").is_ok_and(|new| new != pid);
        let reply =
            device.host().udp_ask(RESOLVER.parse().unwrap(), &question("back.example.org"), Duration::from_secs(1));
        Ok((again && matches!(reply, Ok(Some(_)))).then_some(()))
    })
    .unwrap();
    assert_eq!(device.json(&["status"]).unwrap()["state"], "connected");
}

/// The provider's address, where no resolver listens.
const OWN: &str = "198.51.100.254:53";
const OWN_FILE: &str = "nameserver 198.51.100.254\n";

/// A file that even root cannot change. Reset on drop.
struct Immutable(std::path::PathBuf);

impl Immutable {
    /// Returns `None` if the file system does not support the flag.
    fn make(path: &std::path::Path) -> Option<Self> {
        let done = std::process::Command::new("chattr").arg("+i").arg(path).status();
        done.is_ok_and(|status| status.success()).then(|| Self(path.to_owned()))
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        let _ = std::process::Command::new("chattr").arg("-i").arg(&self.0).status();
    }
}

#[test]
fn names_go_to_the_lane_where_resolv_conf_cannot_be_written() {
    let config = format!("[dns]\ndnssec = false\nupstreams = ['{}']\n", INTERNET.v4);
    let world = World::up(2, &config).unwrap();
    let _upstream = Upstream::start(world.lab.host("internet").unwrap());
    goes_to_the_lane(&world, 1, "mount -o remount,bind,ro /etc/resolv.conf");
    // The same with the file's own flag.
    let resolv_conf = own_resolvers(world.device_host(2).unwrap());
    match Immutable::make(&resolv_conf) {
        Some(immutable) => {
            assert!(std::fs::write(&resolv_conf, "").is_err());
            goes_to_the_lane(&world, 2, "true");
            drop(immutable);
        }
        None => eprintln!("SKIPPED: this file system has no immutable files (chattr +i)"),
    }
}

/// Configures a resolver address without a listener, in the file that the host's programs see.
fn own_resolvers(host: &Host) -> std::path::PathBuf {
    let path = std::path::PathBuf::from("/etc/netns").join(host.namespace()).join("resolv.conf");
    // Skipped if the file is immutable already.
    let _ = std::fs::write(&path, OWN_FILE);
    path
}

fn goes_to_the_lane(world: &World, number: u16, prelude: &str) {
    let host = world.device_host(number).unwrap().clone();
    let resolv_conf = own_resolvers(&host);
    let mut device = DeviceProc::attach(&host, Programs::beside());
    device.prelude(prelude);
    device.start_helper().unwrap();
    let (link, user) = (world.invite(1).unwrap(), format!("reader{number}"));
    let words = ["enroll", link.as_str(), "--username", user.as_str(), "--device-name", "lab"];
    assert!(device.cli_with_password(&words, PASSWORD).unwrap().ok());

    device.cli(&["connect"]).unwrap().success().unwrap();
    let clear = host.capture("eth0", "port 53").unwrap();
    assert_eq!(ask_at(&host, OWN, "www.example.org"), Some((0, INTERNET.v4)), "the lane's resolver must be used");
    assert_eq!(clear.stop().unwrap().count(), 0, "no query may bypass the tunnel");
    assert_eq!(std::fs::read_to_string(&resolv_conf).unwrap(), OWN_FILE);

    // Nothing remains, also after a crash.
    device.kill_helper();
    device.start_helper().unwrap();
    device.cli(&["disconnect"]).unwrap().success().unwrap();
    assert!(!host.exec(&["nft", "list", "tables"]).unwrap().stdout.contains("tornado"));
}
