//! The path to the server is selected again whenever it fails: another address for the name, an address family without
//! UDP, another network, sleep.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]
#![expect(clippy::print_stdout, reason = "the runner shows measurements")]

use nix::sys::signal::Signal;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use tornado_e2e_harness::{DeviceProc, Host, INTERNET, Programs, SERVER, ServerOptions, wait_for};
use tornado_e2e_lanes::upstream::Upstream;
use tornado_e2e_lanes::world::{PASSWORD, World};

const NAME: &str = "vpn.example.org";
/// Time limit for traffic to recover, on a loaded machine. Old code took longer or never recovered; the measured time
/// is printed.
const LOADED: Duration = Duration::from_secs(10);
const MOVED: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 20);

/// A lab whose server is known by a name, and a device that uses a resolver in `internet`.
fn world() -> (World, Upstream) {
    let config = format!("[dns]\ndnssec = false\nupstreams = ['{}']\n", INTERNET.v4);
    let options = ServerOptions { public_host: NAME.into(), config, ..ServerOptions::default() };
    let world = World::up_with(1, options).unwrap();
    let upstream = Upstream::start(world.lab.host("internet").unwrap(), &[SERVER.v6.into(), SERVER.v4.into()]).unwrap();
    let host = world.device_host(1).unwrap();
    let resolv_conf = PathBuf::from("/etc/netns").join(host.namespace()).join("resolv.conf");
    std::fs::write(resolv_conf, format!("nameserver {}\noptions timeout:1\n", INTERNET.v4)).unwrap();
    (world, upstream)
}

/// True if a datagram is echoed from `internet` over the routes of the host.
fn echo(world: &World, host: &Host) -> bool {
    let to = world.internet.echo_v4();
    host.enter(|| {
        let Ok(socket) = UdpSocket::bind("0.0.0.0:0") else { return false };
        socket.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
        socket.send_to(b"there?", to).is_ok() && socket.recv(&mut [0; 16]).is_ok()
    })
    .unwrap()
}

/// Returns the time until a datagram is echoed.
fn back(world: &World, host: &Host, what: &str, within: Duration) -> Duration {
    let begun = Instant::now();
    let waited = wait_for(what, within, || Ok(echo(world, host).then_some(())));
    let text = host.exec(&["ip", "-br", "addr"]).map(|out| out.stdout).unwrap_or_default();
    waited.unwrap_or_else(|error| panic!("{error}\n{text}"));
    println!("{what}: after {:?}", begun.elapsed());
    begun.elapsed()
}

fn ip(host: &Host, lines: &[&str]) {
    for line in lines {
        let mut words = vec!["ip"];
        words.extend(line.split(' '));
        host.exec(&words).unwrap();
    }
}

fn status(device: &DeviceProc) -> (Option<IpAddr>, String) {
    let status = device.json(&["status"]).unwrap();
    let endpoint = status["endpoint"].as_str().map(|text| text.parse::<std::net::SocketAddr>().unwrap().ip());
    (endpoint, status["chosen"]["why"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn the_way_to_the_server_is_chosen_again_when_it_is_gone() {
    let (world, upstream) = world();
    // IPv6 carries TCP but no UDP: the API is reachable there, the lane is not.
    let access = world.lab.host("access").unwrap();
    let no_udp = "add table ip6 broken; add chain ip6 broken passing { type filter hook forward priority 0; }; \
                  add rule ip6 broken passing meta l4proto udp drop";
    access.exec(&["nft", no_udp]).unwrap();
    let device = world.enrolled(1).unwrap();
    let host = device.host().clone();
    let begun = Instant::now();
    device.cli(&["connect"]).unwrap().success().unwrap();
    println!("connected after {:?}", begun.elapsed());
    assert_eq!(status(&device), (Some(SERVER.v4.into()), "connect".to_owned()));
    back(&world, &host, "traffic over IPv4", Duration::from_secs(2));

    // The server moves, as a name with a dynamic address does. The device keeps sending, which is how it notices.
    let server = world.lab.host("server").unwrap();
    upstream.set(&[MOVED.into()]);
    ip(
        server,
        &[
            &format!("addr add {MOVED}/24 dev eth0"),
            &format!("addr del {}/24 dev eth0", SERVER.v4),
            &format!("addr replace {MOVED}/24 dev eth0"),
            "route replace default via 203.0.113.1 dev eth0 onlink",
        ],
    );
    back(&world, &host, "traffic after the server moved", Duration::from_secs(30));
    let (endpoint, why) = status(&device);
    assert_eq!(endpoint, Some(MOVED.into()));
    assert!(["silent", "moved"].contains(&why.as_str()), "{why}");
    let text = device.cli(&["status"]).unwrap().stdout;
    assert!(text.contains("203.0.113.20:51820, chosen"), "{text}");

    // The network disappears and comes back.
    ip(&host, &["link set eth0 down"]);
    wait_for("the status to report that the network is gone", Duration::from_secs(5), || {
        Ok((device.json(&["status"])?["control"] == "unreachable").then_some(()))
    })
    .unwrap();
    ip(&host, &["link set eth0 up", "route add default via 198.51.100.254 dev eth0 onlink"]);
    let took = back(&world, &host, "traffic after the link came back", Duration::from_secs(10));
    assert!(took < LOADED, "the goal is one second: {took:?}");

    // Another network: another address.
    ip(access, &["route add 198.51.100.101/32 dev dev1"]);
    ip(
        &host,
        &[
            "addr add 198.51.100.101/32 dev eth0",
            "addr del 198.51.100.1/32 dev eth0",
            "route replace default via 198.51.100.254 dev eth0 onlink",
        ],
    );
    let took = back(&world, &host, "traffic from another address", Duration::from_secs(10));
    assert!(took < LOADED, "the goal is one second: {took:?}");
    wait_for("the status to report the reason", Duration::from_secs(5), || {
        Ok((device.json(&["status"])?["chosen"]["why"] == "network_changed").then_some(()))
    })
    .unwrap();
}

/// The preloaded library, and the file that tells it how long the machine slept.
struct Sleep {
    library: PathBuf,
    file: std::fs::File,
    path: PathBuf,
    slept: Duration,
}

impl Sleep {
    fn make(host: &Host) -> Self {
        let (library, path) = (host.dir().join("sleep.so"), host.dir().join("slept"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shim/sleep.c");
        let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
        assert!(built.unwrap().success(), "cc failed to build the shim");
        std::fs::write(&path, [0; 8]).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        Self { library, file, path, slept: Duration::ZERO }
    }

    /// Makes the helper sleep while `work` runs.
    fn during(&mut self, device: &DeviceProc, work: impl FnOnce()) {
        let helper = device.helper().unwrap();
        helper.signal(Signal::SIGSTOP).unwrap();
        let begun = Instant::now();
        work();
        self.slept += begun.elapsed();
        let nanoseconds = i64::try_from(self.slept.as_nanos()).unwrap();
        self.file.write_all_at(&nanoseconds.to_ne_bytes(), 0).unwrap();
        helper.signal(Signal::SIGCONT).unwrap();
    }
}

/// Number of event streams that the helper opened.
fn listening(device: &DeviceProc) -> usize {
    device.log().unwrap().matches("listening to the server's events").count()
}

#[test]
fn after_a_sleep_traffic_passes_at_once() {
    let (mut world, _upstream) = world();
    let host = world.device_host(1).unwrap().clone();
    let mut sleep = Sleep::make(&host);
    let mut device = DeviceProc::attach(&host, Programs::beside());
    device.preload(&sleep.library, &[("SLEPT_FILE", &sleep.path)]);
    device.start_helper().unwrap();
    let link = world.invite(1).unwrap();
    let words = ["enroll", link.as_str(), "--username", "sleeper", "--device-name", "lab"];
    assert!(device.cli_with_password(&words, PASSWORD).unwrap().ok());
    device.cli(&["connect"]).unwrap().success().unwrap();
    back(&world, &host, "traffic before", Duration::from_secs(3));

    // As after three minutes of sleep, the server no longer has keys for the tunnel; the device does not know that.
    let pid = world.server.kill_service("wg").unwrap();
    sleep.during(&device, || {
        world.server.wait_restarted("wg", pid, Duration::from_secs(30)).unwrap();
        std::thread::sleep(Duration::from_secs(3));
    });
    let took = back(&world, &host, "traffic after a sleep", Duration::from_secs(40));
    assert!(took < LOADED, "the goal is two seconds: {took:?}");
    wait_for("the status to report the reason", Duration::from_secs(5), || {
        Ok((device.json(&["status"])?["chosen"]["why"] == "woke").then_some(()))
    })
    .unwrap();

    // After a longer sleep, the session has ended too.
    let streams = listening(&device);
    let session = world.sessions().unwrap()[0]["device_id"].as_str().unwrap().to_owned();
    sleep.during(&device, || {
        world.server.cli(&["session", "disconnect", &session]).unwrap().success().unwrap();
        std::thread::sleep(Duration::from_secs(3));
    });
    let took = back(&world, &host, "traffic after a longer sleep", Duration::from_secs(40));
    assert!(took < LOADED, "the goal is two seconds: {took:?}");

    // The device learns immediately that the server ended the session, without a heartbeat or a status query.
    wait_for("an event stream", Duration::from_secs(20), || Ok((listening(&device) > streams).then_some(()))).unwrap();
    let mut command = device.command().unwrap();
    command.args(["status", "--watch", "--json"]);
    let watched = host.spawn("watch", command).unwrap();
    wait_for("the watched status", Duration::from_secs(5), || {
        Ok(watched.stdout()?.contains("connected").then_some(()))
    })
    .unwrap();
    let begun = Instant::now();
    world.server.cli(&["user", "suspend", "sleeper"]).unwrap().success().unwrap();
    wait_for("the status to report that the account is suspended", Duration::from_secs(30), || {
        Ok(watched.stdout()?.contains(r#""state":"blocked""#).then_some(()))
    })
    .unwrap();
    println!("the status is correct after {:?}", begun.elapsed());
    assert!(begun.elapsed() < LOADED, "the goal is two seconds: {:?}", begun.elapsed());
}
