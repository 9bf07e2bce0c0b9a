//! A whole server on machines that lack something: it works, or it reports which file and user are affected and what to
//! do.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Pid;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;
use tornado_e2e_harness::{DeviceProc, Host, Lab, LabOptions, Programs, SERVER, ServerOptions, ServerProc, wait_for};
use tornado_e2e_lanes::world::{PASSWORD, World};

/// Where the scripts create nodes and directories: outside of the host's directory, which they may hide.
const NODE_OF_ROOT: &str = "\
    node=$(mktemp -u /run/tun.XXXXXX); mknod -m 0600 $node c 10 200; chown 0:0 $node
    mkdir -p /dev/net; [ -e /dev/net/tun ] || touch /dev/net/tun
    mount --bind $node /dev/net/tun; rm $node";

/// Runs the lanes in userspace, as on a machine whose kernel has no WireGuard.
fn options() -> ServerOptions {
    ServerOptions { cluster: false, config: "[wg]\nbackend = 'userspace'\n".into(), ..ServerOptions::default() }
}

fn start(lab: &Lab, words: &str) -> (Host, ServerProc) {
    let host = lab.host("server").unwrap().changed(words).unwrap();
    let server = ServerProc::start(&host, options()).unwrap();
    (host, server)
}

/// Machines on which the server works.
const ENOUGH: &[(&str, &str)] = &[
    ("the TUN node is absent", "mkdir -p /dev/net; mount -t tmpfs -o mode=755 none /dev/net"),
    ("processes of others are hidden", "mount -t proc -o hidepid=2 proc /proc"),
    ("umask 077 and locale C", "umask 077; export LC_ALL=C LANG=C"),
    ("no resolver is named", "mount --bind /dev/null /etc/resolv.conf"),
    ("no default route", "ip route del default; ip -6 route del default"),
    (
        "/proc/sys is read-only and as it should be",
        "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
        mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys",
    ),
    ("the state cannot hold programs", "mount -t tmpfs -o noexec,nosuid,nodev,mode=755 none $STATE"),
];

/// Machines on which it does not: what the reason must name, and the doctor's codes.
const TOO_LITTLE: &[(&str, &str, &[&str], &[&str])] = &[
    (
        "something else is in the place of the TUN node",
        "mkdir -p /dev/net; [ -e /dev/net/tun ] || touch /dev/net/tun; mount --bind /dev/null /dev/net/tun",
        &["/dev/net/tun", "tornado-wg", "modprobe tun"],
        &["service_not_ready"],
    ),
    (
        "nft cannot be run",
        "mount --bind /dev/null $(command -v nft)",
        &["nft", "nftables"],
        &["nft_missing", "service_not_ready"],
    ),
    (
        "/proc/sys is read-only and does not forward",
        "echo 0 > /proc/sys/net/ipv4/ip_forward; mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys",
        &["/proc/sys/net/ipv4/", "--sysctl"],
        &["service_not_ready", "sysctl_read_only"],
    ),
    (
        "another program has a table of the server's name",
        "nft add table inet tornado; nft add chain inet tornado own",
        &["was not created by this server", "nft delete table inet tornado", "[wg]"],
        &["service_not_ready", "table_foreign"],
    ),
];

fn words_for(lab: &Lab, words: &str) -> String {
    let state = lab.host("server").unwrap().dir().join("state");
    format!("STATE={}; mkdir -p $STATE\n{words}", state.display())
}

#[test]
fn the_server_works_on_machines_that_lack_something() {
    for (what, words) in ENOUGH {
        let lab = Lab::up(LabOptions::with_devices(1)).unwrap();
        let host = lab.host("server").unwrap().changed(&words_for(&lab, words)).unwrap();
        if let Err(error) = ServerProc::start(&host, options()) {
            panic!("{what}: {error}");
        }
    }
}

#[test]
fn what_is_missing_is_named_with_its_cure() {
    for (what, words, named, codes) in TOO_LITTLE {
        let lab = Lab::up(LabOptions::with_devices(1)).unwrap();
        let host = lab.host("server").unwrap().changed(&words_for(&lab, words)).unwrap();
        let mut server = ServerProc::attach(&host, options());
        server.configure().unwrap();
        server.start_master().unwrap();
        let mut last = String::new();
        let named_all = wait_for("the reason", Duration::from_secs(20), || {
            last = server.cli(&["status"])?.stdout;
            let wg = last.lines().find(|line| line.starts_with("wg")).unwrap_or_default();
            Ok(named.iter().all(|name| wg.contains(name)).then_some(()))
        });
        assert!(named_all.is_ok(), "{what}: {last}");
        let found = server.cli(&["doctor", "--json"]).unwrap().stdout;
        for code in *codes {
            assert!(found.contains(&format!("\"{code}\"")), "{what}: {code}: {found}");
        }
    }
}

#[test]
fn the_tun_node_of_root_is_enough() {
    let lab = Lab::up(LabOptions::with_devices(1)).unwrap();
    let (host, mut server) = start(&lab, NODE_OF_ROOT);
    let mode = || host.exec(&["stat", "-c", "%a %u:%g", "/dev/net/tun"]).unwrap().stdout;
    assert_eq!(mode(), "600 0:0\n", "the node must be unchanged");

    // A deleted lane is created again, also by the supervisor that replaced this one.
    lane_returns(&host, "wg0");
    let (wg, master) = (server.pid_of("wg").unwrap(), server.master().unwrap().pid());
    kill(Pid::from_raw(master.cast_signed()), Signal::SIGKILL).unwrap();
    server.start_master().unwrap();
    server.wait_ready(Duration::from_secs(20)).unwrap();
    assert_eq!(server.pid_of("wg").unwrap(), wg, "the service must be adopted");
    lane_returns(&host, "wg1");
    assert_eq!(mode(), "600 0:0\n", "the node must be unchanged");

    // Only the lanes' service gets it.
    let socket = server.run_dir().join("tun.sock");
    let owner = std::fs::metadata(&socket).unwrap();
    assert_eq!((owner.uid(), owner.mode() & 0o777), (uid_of("tornado-wg"), 0o600));
    let mut stranger = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    assert_eq!(stranger.read(&mut [0; 8]).unwrap(), 0, "not even root gets it: root can open the node itself");
}

fn uid_of(user: &str) -> u32 {
    nix::unistd::User::from_name(user).unwrap().unwrap().uid.as_raw()
}

fn lane_returns(host: &Host, interface: &str) {
    let index = || host.try_exec(&["cat", &format!("/sys/class/net/{interface}/ifindex")], Duration::from_secs(5));
    let before = index().unwrap().success().unwrap().stdout;
    host.exec(&["ip", "link", "del", interface]).unwrap();
    wait_for("the lane to be created again", Duration::from_secs(20), || {
        let now = index()?;
        Ok((now.ok() && now.stdout != before).then_some(()))
    })
    .unwrap();
}

#[test]
fn a_helper_that_is_not_root_connects_with_the_node_of_root() {
    let world = World::up_with(1, ServerOptions { cluster: false, ..ServerOptions::default() }).unwrap();
    let host = world.device_host(1).unwrap().changed(NODE_OF_ROOT).unwrap();
    host.exec(&["chown", "nobody", &host.dir().display().to_string(), "/etc/resolv.conf"]).unwrap();
    let words = ["--user", "nobody", "--backend", "userspace"];
    let device = DeviceProc::start_with(&host, Programs::beside(), &words).unwrap();
    let link = world.invite(3).unwrap();
    device.cli_with_password(&["enroll", &link, "--username", "ada"], PASSWORD).unwrap().success().unwrap();
    device.cli(&["connect"]).unwrap().success().unwrap();
    let seen = host.http_get(world.internet.http_v4(), "/").unwrap().seen_as().unwrap();
    assert_eq!(seen, std::net::IpAddr::from(SERVER.v4), "traffic must use the tunnel");
    // Both devices at once: the old lane is removed when the new one works.
    device.cli(&["disconnect"]).unwrap().success().unwrap();
    device.cli(&["connect"]).unwrap().success().unwrap();

    // The process that moves the packets has one capability and cannot gain others.
    let socket = std::os::unix::net::UnixStream::connect(device.socket()).unwrap();
    let helper = getsockopt(&socket, PeerCredentials).unwrap();
    assert_eq!(helper.uid(), uid_of("nobody"));
    let status = std::fs::read_to_string(format!("/proc/{}/status", helper.pid())).unwrap();
    for name in ["CapEff", "CapPrm", "CapBnd"] {
        let set = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:\t"))).unwrap();
        assert_eq!(u64::from_str_radix(set, 16).unwrap(), 1 << 12, "{name}: CAP_NET_ADMIN only");
    }

    // It ends with the process that root started, and vice versa.
    drop(device);
    wait_for("the helper to end", Duration::from_secs(5), || {
        Ok((!std::path::Path::new(&format!("/proc/{}", helper.pid())).exists()).then_some(()))
    })
    .unwrap();
}
