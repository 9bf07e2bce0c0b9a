//! Real packets through two of our tunnels, over a router whose path MTU can be reduced.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tornado-dataplane");

/// Near end, router and far end, and a tunnel between the ends. Removed on drop.
struct World {
    prefix: String,
    running: Vec<Child>,
}

#[derive(Clone, Copy)]
struct Plan {
    /// MTU of the link between router and far end.
    path: u16,
    /// MTU of the near end's link.
    link: u16,
    outer_v6: bool,
    offload: [bool; 2],
}

impl std::default::Default for Plan {
    fn default() -> Self {
        Self { path: 1500, link: 1500, outer_v6: false, offload: [true, true] }
    }
}

fn ip(words: &str) {
    let output = Command::new("ip").args(words.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
}

fn wg(words: &[&str], input: &str) -> String {
    use std::io::Write as _;
    let mut child = Command::new("wg").args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

impl World {
    fn up(plan: Plan) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut world = Self { prefix: format!("tpio{}x{number}", std::process::id()), running: Vec::new() };
        for host in ["a", "r", "b"] {
            ip(&format!("netns add {}{host}", world.prefix));
            ip(&format!("-n {}{host} link set lo up", world.prefix));
        }
        for (end, link, mtu, number) in [("a", "ra", plan.link, 1), ("b", "rb", plan.path, 2)] {
            let p = &world.prefix;
            ip(&format!("link add out netns {p}{end} type veth peer name {link} netns {p}r"));
            for (host, name, last) in [(end, "out", 1), ("r", link, 254)] {
                ip(&format!("-n {p}{host} address add 10.9.{number}.{last}/24 dev {name}"));
                ip(&format!("-n {p}{host} address add fd09:{number}::{last}/64 dev {name} nodad"));
                ip(&format!("-n {p}{host} link set {name} mtu {mtu} up"));
            }
            ip(&format!("-n {p}{end} route add default via 10.9.{number}.254"));
            ip(&format!("-n {p}{end} -6 route add default via fd09:{number}::254"));
        }
        for key in ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"] {
            let mut set = world.command("r", "sysctl");
            assert!(set.args(["-q", "-w", key]).status().unwrap().success());
        }
        world.tunnel(plan);
        world
    }

    fn tunnel(&mut self, plan: Plan) {
        let keys = ["a", "b"].map(|_| wg(&["genkey"], ""));
        let publics = keys.clone().map(|key| wg(&["pubkey"], &key));
        let psk = wg(&["genpsk"], "");
        for (own, end) in ["a", "b"].into_iter().enumerate() {
            let other = 1 - own;
            let outside = if plan.outer_v6 {
                format!("[fd09:{}::1]:51820", other + 1)
            } else {
                format!("10.9.{}.1:51820", other + 1)
            };
            let name = format!("tp{end}{}", std::process::id() % 100_000);
            let mut command = self.command(end, PROGRAM);
            command.args(["tunnel", "--name", &name, "--port", "51820", "--endpoint", &outside]);
            command.args(["--peer", &publics[other]]).env("TUNNEL_KEY", &keys[own]).env("TUNNEL_PSK", &psk);
            if !plan.offload[own] {
                command.arg("--no-offload");
            }
            self.running.push(command.spawn().unwrap());
            self.patiently(|world| {
                let mut show = world.command(end, "ip");
                show.args(["link", "show", &name]).stdout(Stdio::null()).stderr(Stdio::null());
                show.status().unwrap().success().then_some(())
            });
            let host = format!("{}{end}", self.prefix);
            ip(&format!("-n {host} address add 10.8.0.{}/24 dev {name}", own + 1));
            ip(&format!("-n {host} address add fd08::{}/64 dev {name} nodad", own + 1));
            // Seconds of datagrams, so that a busy machine loses none because the tunnel's process does not run.
            ip(&format!("-n {host} link set {name} txqueuelen 20000 up"));
        }
        for inside in ["10.8.0.2", "fd08::2"] {
            let mut sink = self.command("b", PROGRAM);
            sink.args(["sink", "--bind", inside]);
            self.running.push(sink.spawn().unwrap());
            // This also completes the handshake.
            self.patiently(|world| world.ask("stream", &["--to", inside, "--seconds", "1"]));
        }
    }

    fn command(&self, host: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &format!("{}{host}", self.prefix), program]);
        command
    }

    fn patiently<T>(&self, mut work: impl FnMut(&Self) -> Option<T>) -> T {
        for _ in 0..60 {
            if let Some(done) = work(self) {
                return done;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the condition was not met in time");
    }

    fn ask(&self, task: &str, words: &[&str]) -> Option<serde_json::Value> {
        let output = self.command("a", PROGRAM).arg(task).args(words).stderr(Stdio::null()).output().unwrap();
        serde_json::from_slice(&output.stdout).ok()
    }

    /// Bytes that a TCP transfer delivers in two seconds.
    fn transfer(&self, to: &str) -> u64 {
        self.ask("stream", &["--to", to, "--seconds", "2"]).unwrap()["bytes"].as_u64().unwrap()
    }

    /// Numbers of sent and received datagrams.
    fn datagrams(&self, to: &str, rate: &str, size: &str) -> (u64, u64) {
        let words = ["--to", to, "--rate", rate, "--size", size, "--seconds", "1"];
        let got = self.ask("datagrams", &words).unwrap();
        (got["sent"].as_u64().unwrap(), got["came"].as_u64().unwrap())
    }

    /// Counters of checksum errors that are not zero, from the kernels of both ends.
    fn wrong_checksums(&self) -> Vec<(String, u64)> {
        let mut wrong = Vec::new();
        for host in ["a", "b"] {
            let mut snmp = self.command(host, "cat");
            let output = snmp.args(["/proc/net/snmp", "/proc/net/snmp6"]).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
            for pair in lines.windows(2).filter(|pair| pair[0][0] == pair[1][0]) {
                let fields = pair[0].iter().zip(&pair[1]).filter(|(name, _)| name.contains("Csum"));
                wrong.extend(fields.map(|(name, value)| (format!("{} {name}", pair[0][0]), value.parse().unwrap())));
            }
            let six = lines.iter().filter(|line| line.len() == 2 && line[0].contains("Csum"));
            wrong.extend(six.map(|line| (line[0].to_owned(), line[1].parse().unwrap())));
        }
        assert!(!wrong.is_empty(), "the kernel reports no checksum counters");
        wrong.retain(|(_, count)| *count > 0);
        wrong
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for child in &mut self.running {
            drop(child.kill());
            drop(child.wait());
        }
        for host in ["a", "r", "b"] {
            drop(Command::new("ip").args(["netns", "delete", &format!("{}{host}", self.prefix)]).status());
        }
    }
}

fn carries_all(plan: Plan) {
    let world = World::up(plan);
    for inside in ["10.8.0.2", "fd08::2"] {
        let bytes = world.transfer(inside);
        assert!(bytes > 2_000_000, "{inside}: only {bytes} bytes arrived");
        // Small datagrams, and ones that are fragmented inside the tunnel.
        for (rate, size) in [("3000", "40"), ("100", "5000")] {
            let (sent, came) = world.datagrams(inside, rate, size);
            assert!(came * 100 >= sent * 97 && sent > 0, "{inside}, {size} bytes: {came} of {sent} arrived");
        }
    }
    assert_eq!(world.wrong_checksums(), []);
}

#[test]
fn both_families_small_ones_and_fragments_come_through_with_right_checksums() {
    carries_all(Plan::default());
}

#[test]
fn a_side_without_offload_gets_on_with_one_that_has_it() {
    for offload in [[true, false], [false, true], [false, false]] {
        carries_all(Plan { offload, ..Plan::default() });
    }
}

#[test]
fn a_path_with_an_mtu_of_1280_carries_everything() {
    carries_all(Plan { path: 1280, ..Plan::default() });
}

#[test]
fn an_ipv6_path_with_an_mtu_of_1280_carries_everything() {
    carries_all(Plan { path: 1280, outer_v6: true, ..Plan::default() });
}

#[test]
fn an_own_link_of_1280_bytes_refuses_joined_datagrams_and_carries_all() {
    for outer_v6 in [false, true] {
        carries_all(Plan { link: 1280, path: 1280, outer_v6, ..Plan::default() });
    }
}
