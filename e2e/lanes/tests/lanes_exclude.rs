//! Programs outside the tunnel: what leaves for them, what does not, and who may exclude a program.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]
#![expect(clippy::print_stdout, reason = "the runner shows why a program failed")]

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tornado_e2e_harness::{DeviceProc, Host, INTERNET, Process, Programs, SERVER, wait_for};
use tornado_e2e_lanes::world::World;

/// As systemd mounts it. `ip netns exec` hides the mount of the machine.
const GROUPS: &str = "mount -t cgroup2 none /sys/fs/cgroup";
/// An ordinary user.
const USER: &str = "65534";

struct Place {
    world: World,
    host: Host,
    device: DeviceProc,
}

impl Place {
    /// All labs share the machine's control groups, whose names begin with the prefix of the interfaces.
    fn new(prefix: &str) -> Self {
        let world = World::up(1, "").unwrap();
        let host = world.device_host(1).unwrap().clone();
        let mut device =
            DeviceProc::start_with(&host, Programs::beside(), &["--allow-uid", USER, "--interface", prefix]).unwrap();
        device.stop_helper().unwrap();
        device.prelude(GROUPS);
        device.start_helper().unwrap();
        let device = world.enroll(1, device).unwrap();
        Self { world, host, device }
    }

    fn clear(&self) -> [Option<IpAddr>; 2] {
        let own = self.world.lab.device_address(1);
        [Some(own.v4.into()), Some(own.v6.into())]
    }

    /// The addresses as which the internet sees an excluded program.
    fn seen_as(&self, words: &[&str]) -> [Option<IpAddr>; 2] {
        self.pages().map(|page| {
            let curl = ["--", "curl", "--silent", "--max-time", "3", &page];
            let output = self.device.cli(&[words, &curl].concat()).unwrap();
            let seen = output.stdout.trim().parse().ok();
            if seen.is_none() {
                println!("{:?} {}\n{}", output.status, output.stderr, self.device.log().unwrap());
            }
            seen
        })
    }

    /// The addresses as which the internet sees another program.
    fn others_seen_as(&self) -> [Option<IpAddr>; 2] {
        self.pages().map(|page| {
            let words = ["curl", "--silent", "--max-time", "2", &page];
            let output = self.host.try_exec(&words, Duration::from_secs(10)).unwrap();
            output.stdout.trim().parse().ok()
        })
    }

    fn pages(&self) -> [String; 2] {
        [self.world.internet.http_v4(), self.world.internet.http_v6()].map(|at| format!("http://{at}/"))
    }

    /// Number of packets on the uplink while a program sends a datagram to a resolver in the internet.
    fn queries(&self, words: &[&str]) -> usize {
        let capture = self.host.capture("eth0", "port 53 or port 853 or port 5353").unwrap();
        let send = |to: SocketAddr| {
            let (ip, port) = (to.ip(), to.port());
            let family = if to.is_ipv4() { "AF_INET" } else { "AF_INET6" };
            format!("s.socket(s.{family}, s.SOCK_DGRAM).sendto(b'x' * 12, ('{ip}', {port}))")
        };
        let to = |ip: IpAddr, port| send(SocketAddr::new(ip, port));
        let (v4, v6) = (IpAddr::from(INTERNET.v4), IpAddr::from(INTERNET.v6));
        let all = [to(v4, 53), to(v6, 53), to(v4, 853), to("224.0.0.251".parse().unwrap(), 5353)];
        let script: String = all.iter().map(|send| format!("\ntry: {send}\nexcept OSError: pass")).collect();
        let script = format!("import socket as s{script}");
        let program = [words, &["--", "/usr/bin/python3", "-c", &script]].concat();
        self.device.cli(&program).unwrap().success().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        capture.stop().unwrap().count()
    }

    fn sleeper(&self) -> Process {
        let mut command = self.host.command("sleep");
        command.arg("60");
        self.host.spawn("sleep", command).unwrap()
    }

    fn excluded(&self) -> Vec<u64> {
        let found = self.device.json(&["exclude", "list"]).unwrap();
        let programs = found["programs"].as_array().unwrap();
        programs.iter().map(|program| program["pid"].as_u64().unwrap()).collect()
    }

    fn as_user(&self, words: &[&str]) -> tornado_e2e_harness::Output {
        let ids = [format!("--reuid={USER}"), format!("--regid={USER}"), "--clear-groups".to_owned()];
        let socket = format!("TORNADO_HELPER_SOCKET={}", self.device.socket().display());
        let program = Programs::beside().find("tornado").unwrap().display().to_string();
        let mut all = vec!["setpriv", &ids[0], &ids[1], &ids[2], "env", &socket, &program];
        all.extend(words);
        self.host.try_exec(&all, Duration::from_secs(20)).unwrap()
    }
}

#[test]
fn an_excluded_program_uses_no_tunnel() {
    let place = Place::new("excl-a");
    let (device, clear) = (&place.device, place.clear());
    let through = [Some(IpAddr::from(SERVER.v4)), Some(SERVER.v6.into())];
    device.cli(&["connect"]).unwrap().success().unwrap();
    // A strict reverse-path filter, as some distributions set it.
    place.host.exec(&["sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1"]).unwrap();
    assert_eq!(place.seen_as(&["exclude"]), clear);
    assert_eq!(place.others_seen_as(), through);
    assert_eq!(device.json(&["status"]).unwrap()["excluded"], false, "the programs have ended");
    assert_eq!(place.excluded(), [0; 0]);

    // DNS queries, and those to neighbours, do not leave unless the user says so.
    assert_eq!(place.queries(&["exclude"]), 0);
    assert!(place.queries(&["exclude", "--own-dns"]) >= 3);

    // A running program. What it starts later is excluded, too.
    let sleeper = place.sleeper();
    let pid = u64::from(sleeper.pid());
    device.cli(&["exclude", "add", &pid.to_string()]).unwrap().success().unwrap();
    assert_eq!(place.excluded(), [pid]);
    let text = device.cli(&["status"]).unwrap().stdout;
    assert!(text.contains("programs outside the tunnel"), "{text}");

    // Another user neither sees nor changes it, and excludes only own programs.
    let foreign = place.as_user(&["exclude", "add", &std::process::id().to_string()]);
    assert_eq!(foreign.status.code(), Some(3), "{}", foreign.stderr);
    assert_eq!(place.as_user(&["exclude", "remove", &pid.to_string()]).status.code(), Some(3));
    assert!(place.as_user(&["exclude", "list"]).stdout.contains("All programs use the tunnel"));
    let [page, _] = place.pages();
    let own = place.as_user(&["exclude", "--", "curl", "--silent", "--max-time", "3", &page]);
    assert_eq!(own.stdout.trim().parse().ok(), clear[0], "{}", own.stderr);

    device.cli(&["exclude", "remove", &pid.to_string()]).unwrap().success().unwrap();
    assert_eq!(place.excluded(), [0; 0]);
    for (words, code) in [(&["exclude", "--", "/no/such"][..], 127), (&["exclude", "--", "/etc/passwd"], 126)] {
        assert_eq!(device.cli(words).unwrap().status.code(), Some(code));
    }
    assert_eq!(device.cli(&["exclude", "add", "4194304"]).unwrap().status.code(), Some(2));
}

#[test]
fn only_excluded_programs_leave_during_lockdown() {
    let mut place = Place::new("excl-b");
    let clear = place.clear();
    place.device.cli(&["lockdown", "always", "--lan", "block"]).unwrap().success().unwrap();
    assert_eq!(place.seen_as(&["exclude"]), clear, "blocked, no tunnel");
    assert_eq!(place.others_seen_as(), [None, None]);
    assert_eq!(place.queries(&["exclude"]), 0);

    // The exclusion outlives the helper that made it.
    let sleeper = place.sleeper();
    place.device.cli(&["exclude", "add", &sleeper.pid().to_string()]).unwrap().success().unwrap();
    place.device.kill_helper();
    assert_eq!(place.others_seen_as(), [None, None]);
    place.device.start_helper().unwrap();
    assert_eq!(place.excluded(), [u64::from(sleeper.pid())]);
    assert_eq!(place.seen_as(&["exclude"]), clear, "after a restart of the helper");
    assert_eq!(place.others_seen_as(), [None, None]);
    place.device.cli(&["connect"]).unwrap().success().unwrap();
    // While another program removes all tables, nothing enters the wrong path.
    place.host.exec(&["nft", "flush", "ruleset"]).unwrap();
    wait_for("the exclusion to return", Duration::from_secs(5), || {
        Ok((place.seen_as(&["exclude"]) == clear).then_some(()))
    })
    .unwrap();
    drop(sleeper);

    // A machine whose helper sees no control groups refuses, and starts nothing.
    place.device.stop_helper().unwrap();
    place.device.prelude("");
    place.device.start_helper().unwrap();
    let refused = place.device.cli(&["exclude", "--", "echo", "started"]).unwrap();
    assert_eq!((refused.status.code(), refused.stdout.as_str()), (Some(1), ""));
    assert!(refused.stderr.contains("cgroups version 2"), "{}", refused.stderr);
}
