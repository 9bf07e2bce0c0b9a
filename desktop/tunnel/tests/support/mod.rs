//! A device and a server with two lanes in network namespaces, with wireguard-go on the server's side.

#![expect(clippy::disallowed_methods, reason = "polls another program")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
pub use tornado_e2e_support::patient;
use tornado_shared::model::{Lane, PresharedKey, PrivateKey};
use tornado_tunnel::os::linux::Settings;
use tornado_tunnel::plan::{LanePlan, Plan};
use tornado_tunnel::policy::MARK;

/// A device and a server with two lanes, connected by a veth pair. Everything is removed on drop.
pub struct World {
    pub id: String,
    servers: Vec<Child>,
    server_keys: [PrivateKey; 2],
    device: PrivateKey,
    preshared: PresharedKey,
}

/// The first three bytes of the local network. The servers' public network is on the same interface.
pub const LAN: &str = "192.168.77";
pub const INTERNET: [&str; 2] = ["198.51.100.1", "2001:db8:ffff::1"];

pub fn sh(text: &str) -> String {
    let out = Command::new("sh").args(["-ec", text]).output().unwrap();
    assert!(out.status.success(), "{text}\n{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

impl World {
    pub fn new(name: &str) -> Self {
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
             ip -n {id}d addr add {LAN}.2/24 dev e0; ip -n {id}s addr add {LAN}.1/24 dev e0
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
        let deadline = Instant::now() + patient(Duration::from_secs(20));
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

    pub fn plan(&self, lane: Lane) -> Plan {
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

    /// Runs `work` on a thread inside a namespace.
    pub fn within<T: Send + 'static>(&self, host: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
        let namespace = File::open(format!("/run/netns/{}{host}", self.id)).unwrap();
        let thread = std::thread::spawn(move || {
            nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// The same for work that borrows.
    pub fn within_scope<T: Send>(&self, host: &str, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/run/netns/{}{host}", self.id)).unwrap();
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Starts listeners in the server's namespace that send each client the source address they see.
    pub fn tell_addresses(&self) {
        self.within("s", || {
            for address in [
                format!("{}:80", INTERNET[0]),
                format!("[{}]:80", INTERNET[1]),
                "192.0.2.1:4605".into(),
                "[2001:db8::1]:4605".into(),
                "192.0.2.1:80".into(),
                format!("{LAN}.1:80"),
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

    pub fn rules(&self) -> String {
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

pub fn addresses(lane: Lane) -> [IpAddr; 2] {
    match lane {
        Lane::Direct => ["10.8.0.2".parse().unwrap(), "fd74::2".parse().unwrap()],
        Lane::Tor => ["10.9.0.2".parse().unwrap(), "fd75::2".parse().unwrap()],
    }
}

/// The source address of this thread as a listener sees it; `None` if the listener is unreachable.
pub fn seen_by(to: &str) -> Option<IpAddr> {
    seen_from(to, None, None)
}

/// The same for a socket with the tunnel's mark.
pub fn seen_marked(to: &str) -> Option<IpAddr> {
    seen_from(to, Some(MARK), None)
}

/// The same for a socket that is bound to the uplink.
pub fn seen_bound(to: &str) -> Option<IpAddr> {
    seen_from(to, None, Some(b"e0"))
}

fn seen_from(to: &str, mark: Option<u32>, interface: Option<&[u8]>) -> Option<IpAddr> {
    let to: SocketAddr = to.parse().unwrap();
    let socket = socket2::Socket::new(socket2::Domain::for_address(to), socket2::Type::STREAM, None).unwrap();
    if let Some(mark) = mark {
        socket.set_mark(mark).unwrap();
    }
    socket.bind_device(interface).unwrap();
    socket.connect_timeout(&to.into(), patient(Duration::from_secs(2))).ok()?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(patient(Duration::from_secs(2)))).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text.parse().unwrap())
}

pub fn internet() -> [Option<IpAddr>; 2] {
    [seen_by(&format!("{}:80", INTERNET[0])), seen_by(&format!("[{}]:80", INTERNET[1]))]
}

pub fn through(lane: Lane) -> [Option<IpAddr>; 2] {
    addresses(lane).map(Some)
}

pub fn clear() -> [Option<IpAddr>; 2] {
    [Some("192.0.2.2".parse().unwrap()), Some("2001:db8::2".parse().unwrap())]
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Runs blocking work on a thread in the same namespace.
pub async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

pub fn settings() -> Settings {
    Settings { interface: "ttun".into(), ..Settings::default() }
}
