//! A small network of namespaces: devices, the server and the internet, connected by veth pairs. All names contain the
//! process id, and everything is removed on drop.

#![expect(dead_code, reason = "each test file uses its own part")]
#![expect(clippy::unwrap_used, clippy::unwrap_in_result, reason = "a failure here is the test's failure")]
#![expect(clippy::disallowed_methods, reason = "polls the machine and other programs")]

pub mod tor;
pub mod up;

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tornado_contracts::ServiceName;
use tornado_contracts::wg::{PeerLane, PeerSpec, SyncPeers, Wg as _, WgClient, WgStatus};
pub use tornado_e2e_support::patient;
use tornado_rpc::{Channel, NoInput};
use tornado_runtime::metrics::Metrics;
use tornado_runtime::{Context, Roles};
use tornado_shared::model::{Lane, LanePools, PresharedKey, PrivateKey, Slot};
use tornado_wg::{Config, Wiring};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// True if namespaces can be created; otherwise prints why the test is skipped.
pub fn can_run() -> bool {
    if nix::unistd::geteuid().is_root() {
        return true;
    }
    eprintln!("SKIPPED: this test creates network namespaces and needs root");
    false
}

pub fn sh(command: &str) -> Output {
    Command::new("sh").arg("-c").arg(command).output().unwrap()
}

#[track_caller]
pub fn ok(command: &str) -> String {
    let output = sh(command);
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// One network namespace.
pub struct Ns {
    pub name: String,
}

impl Ns {
    pub fn new(tag: &str) -> Self {
        let name = format!("tw{}-{}-{tag}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        ok(&format!("ip netns add {name} && ip -n {name} link set lo up"));
        Self { name }
    }

    #[track_caller]
    pub fn ok(&self, command: &str) -> String {
        ok(&format!("ip netns exec {} {command}", self.name))
    }

    pub fn sh(&self, command: &str) -> Output {
        sh(&format!("ip netns exec {} {command}", self.name))
    }

    /// Runs `work` in the namespace, on a new thread.
    pub fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let path = format!("/run/netns/{}", self.name);
        std::thread::spawn(move || {
            let file = std::fs::File::open(path).unwrap();
            nix::sched::setns(file, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            work()
        })
    }

    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.spawn(work).join().unwrap()
    }
}

impl Drop for Ns {
    fn drop(&mut self) {
        sh(&format!("ip netns del {}", self.name));
    }
}

pub fn wire(a: &Ns, a_name: &str, a_ips: &[&str], b: &Ns, b_name: &str, b_ips: &[&str]) {
    ok(&format!("ip -n {} link add {a_name} type veth peer name {b_name} netns {}", a.name, b.name));
    for (ns, name, ips) in [(a, a_name, a_ips), (b, b_name, b_ips)] {
        for ip in ips {
            ok(&format!("ip -n {} addr add {ip} dev {name} nodad", ns.name));
        }
        ok(&format!("ip -n {} link set {name} up", ns.name));
    }
}

pub const INTERNET4: &str = "198.51.100.2";
pub const INTERNET6: &str = "2001:db8:2::2";
pub const SERVER4: &str = "198.51.100.1";
pub const SERVER6: &str = "2001:db8:2::1";

/// Server and internet, and the service's files.
pub struct Lab {
    pub server: Ns,
    pub internet: Ns,
    pub directory: tempfile::TempDir,
    pub config: Config,
    pub wiring: Wiring,
    /// Worker threads of the service; 0: it runs on the thread that starts it.
    pub threads: usize,
    devices: AtomicU32,
}

impl Lab {
    /// Echoes datagrams to port 7 of the internet, until the process ends.
    pub fn echo(&self) {
        let echo = self.internet.run(|| UdpSocket::bind((INTERNET4, 7)).unwrap());
        std::thread::spawn(move || {
            let mut buffer = [0; 64];
            while let Ok((n, from)) = echo.recv_from(&mut buffer) {
                let _ = echo.send_to(&buffer[..n], from);
            }
        });
    }

    pub fn new() -> Self {
        let (server, internet) = (Ns::new("srv"), Ns::new("net"));
        wire(
            &server,
            "up0",
            &["198.51.100.1/24", "2001:db8:2::1/64"],
            &internet,
            "eth0",
            &["198.51.100.2/24", "2001:db8:2::2/64"],
        );
        server.ok("ip route add default via 198.51.100.2");
        server.ok("ip -6 route add default via 2001:db8:2::2");
        Self {
            server,
            internet,
            directory: tempfile::tempdir().unwrap(),
            config: Config::default(),
            wiring: Wiring::default(),
            threads: 0,
            devices: AtomicU32::new(0),
        }
    }

    pub fn client(&self) -> WgClient {
        WgClient::new(Channel::new(self.directory.path().join("wg.sock")))
    }

    /// Starts the service in the server's namespace. Does not wait for its socket.
    pub fn start(&self) -> Running {
        let shutdown = CancellationToken::new();
        let context = Context {
            service: ServiceName::Wg,
            run_dir: self.directory.path().into(),
            state_dir: self.directory.path().into(),
            roles: Roles::default(),
            metrics: Metrics::default(),
            shutdown: shutdown.clone(),
        };
        let (config, wiring, threads) = (self.config.clone(), self.wiring.clone(), self.threads);
        let abrupt = CancellationToken::new();
        let killed = abrupt.clone();
        let thread = self.server.spawn(move || {
            let runtime = match threads {
                0 => tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
                threads => {
                    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap()
                }
            };
            let result = runtime.block_on(async {
                tokio::select! {
                    result = tornado_wg::run(context, config, wiring) => {
                        result.map_err(|e| e.to_string()).inspect_err(|error| eprintln!("the service ended: {error}"))
                    }
                    () = killed.cancelled() => Ok(()),
                }
            });
            // As after SIGKILL: no task of the service runs any more, and its descriptors are closed.
            runtime.shutdown_background();
            result
        });
        Running { shutdown, abrupt, thread: Some(thread), path: self.directory.path().join("wg.sock") }
    }

    pub fn spec(&self, key: &PrivateKey, slot: u32, psk: Option<&PresharedKey>) -> PeerSpec {
        spec(self.wiring.lanes.pools, key, slot, psk)
    }

    /// A device on the internet side of the server, with addresses but without a tunnel.
    pub fn device(&self) -> Device {
        let n = self.devices.fetch_add(1, Ordering::Relaxed) + 1;
        let ns = Ns::new(&format!("dev{n}"));
        let net = format!("192.0.2.{}", n * 8);
        let (mine, server) = (format!("192.0.2.{}/29", n * 8 + 2), format!("192.0.2.{}", n * 8 + 1));
        drop(net);
        wire(&ns, "eth0", &[&mine], &self.server, &format!("dev{n}"), &[&format!("{server}/29")]);
        Device {
            ns,
            server,
            key: PrivateKey::random(),
            psk: Some(PresharedKey::from_bytes([n as u8; 32])),
            slot: n + 1,
        }
    }
}

pub fn spec(pools: LanePools, key: &PrivateKey, slot: u32, psk: Option<&PresharedKey>) -> PeerSpec {
    let part =
        |lane| PeerLane { addresses: pools.of(lane).addresses(Slot(slot)).unwrap(), preshared_key: psk.cloned() };
    PeerSpec {
        public_key: key.public_key(),
        direct: part(Lane::Direct),
        tor: part(Lane::Tor),
        isolation: slot.try_into().unwrap(),
        exit: None,
        account: None,
    }
}

/// The running service.
pub struct Running {
    shutdown: CancellationToken,
    abrupt: CancellationToken,
    thread: Option<JoinHandle<Result<(), String>>>,
    path: PathBuf,
}

impl Running {
    pub async fn wait_for_status(&self, client: &WgClient) -> WgStatus {
        let until = Instant::now() + patient(Duration::from_secs(20));
        loop {
            if let Ok(status) = client.status(NoInput {}).await {
                return status;
            }
            if self.thread.as_ref().is_some_and(JoinHandle::is_finished) || Instant::now() > until {
                panic!("the service did not start at {}", self.path.display());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the service ends without a shutdown.
    pub fn ended(mut self) -> Result<(), String> {
        self.thread.take().unwrap().join().unwrap()
    }

    pub fn kill(mut self) {
        self.abrupt.cancel();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }

    pub fn stop(mut self) -> Result<(), String> {
        self.shutdown.cancel();
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.abrupt.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A user's machine.
pub struct Device {
    pub ns: Ns,
    pub server: String,
    pub key: PrivateKey,
    pub psk: Option<PresharedKey>,
    pub slot: u32,
}

impl Device {
    pub fn spec(&self, lab: &Lab) -> PeerSpec {
        lab.spec(&self.key, self.slot, self.psk.as_ref())
    }

    /// Brings a lane up with wireguard-go, an independent implementation, and routes the internet into it.
    pub fn connect(&self, lab: &Lab, status: &WgStatus, lane: Lane) -> Tunnel {
        let end = status.lanes.iter().find(|end| end.lane == lane).unwrap();
        let name = format!("tw{}x{}", std::process::id() % 100_000, NEXT.fetch_add(1, Ordering::Relaxed));
        let process = Command::new("ip")
            .args(["netns", "exec", &self.ns.name, "wireguard-go", "-f", &name])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let mut tunnel = Tunnel { name: name.clone(), process };
        while !tunnel.socket().exists() {
            assert_eq!(tunnel.process.try_wait().unwrap(), None, "wireguard-go ended; check that it is installed");
            std::thread::sleep(Duration::from_millis(10));
        }
        let file = |suffix: &str, text: &str| {
            let path = lab.directory.path().join(format!("{name}.{suffix}"));
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let key = file("key", &self.key.expose_base64());
        let psk = self.psk.as_ref().map(|psk| format!("preshared-key {}", file("psk", &psk.expose_base64())));
        let psk = psk.unwrap_or_default();
        self.ns.ok(&format!(
            "wg set {name} private-key {key} peer {} {psk} endpoint {}:{} allowed-ips 0.0.0.0/0,::/0",
            end.public_key, self.server, end.port
        ));
        let spec = self.spec(lab);
        let addresses = spec.on(lane).addresses;
        self.ns.ok(&format!("ip addr add {}/32 dev {name}", addresses.v4));
        self.ns.ok(&format!("ip addr add {}/128 dev {name} nodad", addresses.v6));
        self.ns.ok(&format!("ip link set {name} mtu 1420 up"));
        for net in ["198.51.100.0/24", "10.8.0.0/16", "10.9.0.0/16", "203.0.113.0/24"] {
            self.ns.ok(&format!("ip route add {net} dev {name} src {}", addresses.v4));
        }
        for net in ["2001:db8:2::/64", "fd74:6f72:6e61:8::/64", "fd74:6f72:6e61:9::/64"] {
            self.ns.ok(&format!("ip -6 route add {net} dev {name} src {}", addresses.v6));
        }
        tunnel
    }
}

/// A running wireguard-go.
pub struct Tunnel {
    pub name: String,
    process: std::process::Child,
}

impl Tunnel {
    fn socket(&self) -> PathBuf {
        Path::new("/var/run/wireguard").join(format!("{}.sock", self.name))
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_file(self.socket());
    }
}

pub async fn sync(client: &WgClient, peers: Vec<PeerSpec>) {
    client.sync_peers(SyncPeers { peers }).await.unwrap();
}

/// Waits until `what` holds. The limit is at least `limit`, and longer on a slow or busy machine.
pub async fn eventually(limit: Duration, mut what: impl AsyncFnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !what().await {
        let passed = started.elapsed();
        assert!(passed < limit || passed < patient(limit), "condition not met within {passed:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    started.elapsed()
}

/// A running capture of all packets on an interface.
pub struct Capture {
    tcpdump: std::process::Child,
    file: PathBuf,
}

impl Capture {
    pub fn start(ns: &Ns, interface: &str, directory: &Path) -> Self {
        let file = directory.join("capture");
        let tcpdump = Command::new("ip")
            .args([
                "netns",
                "exec",
                &ns.name,
                "tcpdump",
                "--immediate-mode",
                "-Z",
                "root",
                "-nn",
                "-U",
                "-i",
                interface,
                "-w",
            ])
            .arg(&file)
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // tcpdump writes the file header when it starts to capture.
        let until = Instant::now() + patient(Duration::from_secs(20));
        while std::fs::metadata(&file).map_or(0, |m| m.len()) < 24 {
            assert!(Instant::now() < until, "tcpdump did not start to capture");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { tcpdump, file }
    }

    /// Stops the capture and returns the packets, without neighbour discovery.
    pub fn read(self) -> String {
        std::thread::sleep(Duration::from_millis(300));
        let file = self.file.display().to_string();
        drop(self);
        ok(&format!("tcpdump -nn -r {file} 'not ip6 multicast and not src net fe80::/10 and not arp' 2>/dev/null"))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.tcpdump.kill();
        let _ = self.tcpdump.wait();
    }
}
