//! How long a device still gets traffic through after its access was revoked: from the response to the revocation to
//! the last packet. On the direct lane packets are captured where they leave the server; on the tor lane, which is
//! closed in this lab, where they leave the tunnel. Each lane has its own device, which sends continuously.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use serde_json::{Value, json};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tornado_e2e_harness::{DeviceProc, Host, Process, wait_for};
use tornado_e2e_lanes::original::OriginalClient;
use tornado_e2e_lanes::world::{PASSWORD, World};

/// Suspensions of a device on each lane, and repetitions of each other method.
const SUSPENSIONS: usize = 20;
const OTHERS: usize = 2;
/// Time limit after which no packet of the device may get through.
const SILENT_WITHIN: f64 = 1.0;
/// Minimum number of datagrams that a device sends after the revocation; fewer prove nothing.
const SENT_AFTERWARDS: usize = 50;
/// A forwarded packet has a lower TTL. The server's own kernel sends packets with the same destination: a reset for
/// each reply of the site to a closed flow, such as the repeated SYN-ACK of an interrupted connect, which comes a
/// second later.
const FORWARDED: &str = " and ip[8] < 64";

/// tcpdump with kernel timestamps.
struct Tap(Process);

impl Tap {
    fn start(world: &World, host: &Host, interface: &str, further: &str) -> Self {
        let target = world.internet.addresses().v4;
        let mut command = host.command("tcpdump");
        command.args(["-l", "-n", "-q", "-tt", "--immediate-mode", "-B", "8192", "-s", "96", "-Z", "root"]);
        command.args(["-i", interface, &format!("dst host {target} and (udp dst port 7 or tcp dst port 80){further}")]);
        let mut process = host.spawn("tcpdump", command).unwrap();
        wait_for("tcpdump to listen", Duration::from_secs(10), || {
            process.must_run()?;
            Ok(process.stderr()?.contains("listening on").then_some(()))
        })
        .unwrap();
        Self(process)
    }

    /// Packets captured from an instant on, latest first: their time in seconds since the epoch, and their text.
    fn since(&self, from: f64) -> Vec<(f64, String)> {
        let seen = self.0.stdout().unwrap();
        let timed = |line: &str| Some((line.split_whitespace().next()?.parse().ok()?, line.to_owned()));
        seen.lines().rev().filter_map(timed).take_while(|(at, _)| *at >= from).collect()
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Datagrams, new connections and a long upload, sent continuously as by programs that know nothing of tunnels.
fn noise(
    world: &World,
    host: &Host,
    stop: &Arc<AtomicBool>,
    sent: &Arc<AtomicUsize>,
) -> Vec<std::thread::JoinHandle<()>> {
    let (echo, page) = (world.internet.echo_v4(), world.internet.http_v4());
    let works: [fn(SocketAddr, SocketAddr, &AtomicBool, &AtomicUsize); 2] = [datagrams, upload];
    let thread = |work: fn(SocketAddr, SocketAddr, &AtomicBool, &AtomicUsize)| {
        let (host, stop, sent) = (host.clone(), stop.clone(), sent.clone());
        std::thread::spawn(move || host.enter(|| work(echo, page, &stop, &sent)).unwrap())
    };
    works.map(thread).into()
}

fn datagrams(echo: SocketAddr, page: SocketAddr, stop: &AtomicBool, sent: &AtomicUsize) {
    let mut round = 0u32;
    while !stop.load(Ordering::SeqCst) {
        // A new socket each time, so that route and source address are selected again.
        if let Ok(socket) = UdpSocket::bind("0.0.0.0:0")
            && socket.send_to(b"noise", echo).is_ok()
        {
            sent.fetch_add(1, Ordering::SeqCst);
        }
        round += 1;
        if round.is_multiple_of(20) {
            let _ = TcpStream::connect_timeout(&page, Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

fn upload(_: SocketAddr, page: SocketAddr, stop: &AtomicBool, _: &AtomicUsize) {
    while !stop.load(Ordering::SeqCst) {
        let Ok(mut stream) = TcpStream::connect_timeout(&page, Duration::from_millis(200)) else { continue };
        stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
        let head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n";
        let mut alive = stream.write_all(head).is_ok();
        while alive && !stop.load(Ordering::SeqCst) {
            alive = stream.write_all(&[0; 512]).is_ok();
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Methods to revoke access. Each returns after the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Suspend,
    Revoke,
    Close,
    Evict,
    Password,
    Reuse,
}

const WAYS: [Way; 6] = [Way::Suspend, Way::Revoke, Way::Close, Way::Evict, Way::Password, Way::Reuse];

struct Bench<'a> {
    world: &'a World,
    device: &'a DeviceProc,
    user: &'a str,
    lane: &'a str,
    tap: &'a Tap,
    sent: &'a AtomicUsize,
}

impl Bench<'_> {
    fn outside(&self) -> &Host {
        self.world.lab.host("internet").unwrap()
    }

    fn operator(&self, words: &[&str]) {
        self.world.server.cli(words).unwrap().success().unwrap();
    }

    /// The login that the helper stored.
    fn login(&self) -> Value {
        let stored = std::fs::read_to_string(self.device.state_dir().join("state.json")).unwrap();
        serde_json::from_str::<Value>(&stored).unwrap()["login"].clone()
    }

    /// Sends a request in place of the helper, from a host without a tunnel: only the helper's own sockets bypass the
    /// device's.
    fn api(&self, method: &str, path: &str, body: &Value) -> String {
        let token = format!("authorization: Bearer {}", self.login()["access"].as_str().unwrap());
        let url = format!("https://{}{path}", self.world.api());
        let (body, json) = (body.to_string(), "content-type: application/json");
        let words = ["curl", "-sk", "--max-time", "10", "-w", "%{http_code}", "-o", "/dev/null", "-X", method];
        let rest = ["-H", &token, "-H", json, "-d", &body, &url];
        self.outside().exec(&[&words[..], &rest].concat()).unwrap().stdout
    }

    fn take_away(&self, way: Way) {
        let device_id = self.login()["device_id"].as_str().unwrap().to_owned();
        match way {
            Way::Suspend => self.operator(&["user", "suspend", self.user]),
            Way::Revoke => self.operator(&["user", "revoke", self.user]),
            Way::Close => self.operator(&["session", "close", &device_id]),
            Way::Evict => assert_eq!(self.api("DELETE", &format!("/v2/me/devices/{device_id}"), &json!({})), "200"),
            Way::Password => {
                let mut command = self.world.server.command().unwrap();
                command.args(["user", "password", self.user, "--password-stdin"]).stdin(Stdio::piped());
                let mut child = command.spawn().unwrap();
                writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
                assert!(child.wait().unwrap().success());
            }
            Way::Reuse => {
                let refresh = json!({ "refresh_token": self.login()["refresh"].as_str().unwrap() });
                let trade = || async {
                    let client = OriginalClient::new(self.world.api()).unwrap();
                    let first = client.post("/auth/reauth", &refresh).await.unwrap();
                    (first.status, client.post("/auth/reauth", &refresh).await.unwrap().status)
                };
                assert_eq!(self.outside().block_on(trade).unwrap(), (200, 401));
            }
        }
    }

    fn connected(&self) {
        self.operator(&["user", "reactivate", self.user]);
        self.device.cli_with_password(&["login"], PASSWORD).unwrap().success().unwrap();
        self.device.cli(&["connect", "--lane", self.lane]).unwrap().success().unwrap();
    }

    /// Seconds from the response to the last packet; zero if the packet came before it.
    fn silence(&self, way: Way) -> f64 {
        self.connected();
        let up = now();
        wait_for("traffic", Duration::from_secs(15), || Ok((self.tap.since(up).len() > 30).then_some(()))).unwrap();
        self.take_away(way);
        let (answered, before) = (now(), self.sent.load(Ordering::SeqCst));
        // A bit longer than the limit, and until the device has tried often enough.
        std::thread::sleep(Duration::from_millis(1_150));
        let what = format!("{} {way:?}: packets sent by the device afterwards", self.lane);
        wait_for(&what, Duration::from_secs(15), || {
            Ok((self.sent.load(Ordering::SeqCst) > before + SENT_AFTERWARDS).then_some(()))
        })
        .unwrap();
        let seen = self.tap.since(up);
        let (last, packet) = seen.into_iter().max_by(|(a, _), (b, _)| a.total_cmp(b)).unwrap();
        let silence = (last - answered).max(0.0);
        assert!(silence < SILENT_WITHIN, "{} {way:?}: {silence} s after the answer: {packet}", self.lane);
        silence
    }

    /// Every method, repeatedly.
    #[expect(clippy::print_stdout, reason = "the runner reads the output of a test")]
    fn all(&self) {
        for way in WAYS {
            // With PostgreSQL and Redis each method only has to be as fast; the published numbers are those of the
            // embedded profile.
            let rounds = match (self.world.server.cluster().is_some(), way == Way::Suspend) {
                (false, true) => SUSPENSIONS,
                (false, false) => OTHERS,
                (true, suspend) => 1 + 3 * usize::from(suspend),
            };
            let mut times: Vec<f64> = (0..rounds).map(|_| self.silence(way)).collect();
            times.sort_by(f64::total_cmp);
            let at = |percent: usize| times[(times.len() * percent).div_ceil(100).max(1) - 1] * 1e3;
            let (lane, p50, p99, most) = (self.lane, at(50), at(99), at(100));
            println!("{lane} {way:?}: {rounds} times, p50 {p50:.0} ms, p99 {p99:.0} ms, max {most:.0} ms");
        }
    }
}

#[test]
fn whoever_lost_the_right_is_silent_within_a_second() {
    // Heartbeats are far apart and no device has an event stream: the server must block the device without its
    // cooperation.
    let config = "[session]\nheartbeat_ttl = 600\n\n[client_api]\nevent_streams = 0\n";
    let world = World::up(2, config).unwrap();
    let devices = [world.enrolled(1).unwrap(), world.enrolled(2).unwrap()];
    let status = world.server.mesh("wg").get("/v1/status").unwrap();
    let tor = status["lanes"].as_array().unwrap().iter().find(|lane| lane["lane"] == "tor").unwrap();
    let server = world.lab.host("server").unwrap();
    let lanes = [("direct", "user1", "eth0", FORWARDED), ("tor", "user2", tor["interface"].as_str().unwrap(), "")];
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for (device, (lane, user, interface, further)) in devices.iter().zip(lanes) {
            let world = &world;
            scope.spawn(move || {
                let tap = Tap::start(world, server, interface, further);
                let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
                let threads = noise(world, device.host(), &stop, &sent);
                Bench { world, device, user, lane, tap: &tap, sent: &sent }.all();
                stop.store(true, Ordering::SeqCst);
                for thread in threads {
                    thread.join().unwrap();
                }
            });
        }
    });
    println!("{:?} in all", begun.elapsed());
}
