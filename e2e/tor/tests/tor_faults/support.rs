//! The setup for the fault tests: a lab with a device on the lane, and the same checks for each fault.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tornado_contracts::tor::{LaneReason, TorProcess};
use tornado_contracts::wg::TorLane;
use tornado_e2e_harness::{DeviceProc, Host, TorNetworkOptions, patient, wait_for};
use tornado_e2e_tor::egress::Egress;
use tornado_e2e_tor::load::{self, Hammer, Outcome};
use tornado_e2e_tor::world::{PATIENCE, TorWorld};

/// The network of the relays.
const RELAYS: &str = "198.18.0.0/24";
/// Time limit for a closed lane to reject requests.
pub const AT_ONCE: Duration = Duration::from_secs(1);
/// Debian's Tor.
const TOR: &str = "/usr/sbin/tor";
/// Size of the disk of service `tor`: a few times of what it needs.
const DISK: &str = "size=6m,mode=0700";

/// The lab, the server and a device on the tor lane.
pub struct Bench {
    pub device: DeviceProc,
    pub lab: TorWorld,
}

/// A fault and its expected effect.
pub struct Fault<'a> {
    pub name: &'a str,
    /// Injects the fault; when it returns the lane is closed, or closes within `shut_within`.
    pub strike: &'a dyn Fn(&mut TorWorld),
    /// Time limit until a device is rejected; `None` if packets just stop, or if a new lane never opens.
    pub shut_within: Option<Duration>,
    /// Repairs what does not recover without help.
    pub heal: &'a dyn Fn(&mut TorWorld),
}

impl Bench {
    /// Sets up the test with the lane open.
    pub fn ready() -> Self {
        let bench = Self::up(false);
        bench.lab.wait_open().unwrap();
        carries(&bench.lab, bench.host());
        bench
    }

    /// Sets up the test with the server's route to the relays cut before its start.
    pub fn cut_off() -> Self {
        Self::up(true)
    }

    fn up(is_cut: bool) -> Self {
        let network = TorNetworkOptions { relays: 1, ..TorNetworkOptions::default() };
        let lab = TorWorld::up_on(1, network, |lab, _| {
            let server = lab.host("server")?;
            if is_cut {
                server.exec(&["ip", "route", "add", "blackhole", RELAYS])?;
            }
            let program = server.dir().join("program");
            symlink(TOR, &program)?;
            // Only its state is on a disk that can be filled; the lab removes it.
            let disk = server.dir().join("state/tor");
            std::fs::create_dir_all(&disk)?;
            nix::mount::mount(Some("tornado-lab"), &disk, Some("tmpfs"), nix::mount::MsFlags::empty(), Some(DISK))?;
            Ok(format!("binary = \"{}\"\n", program.display()))
        })
        .unwrap();
        let device = lab.on_the_tor_lane(1).unwrap();
        Self { device, lab }
    }

    pub fn host(&self) -> &Host {
        self.device.host()
    }

    /// Tests the fault with the lane set to up, and with it set to down.
    pub fn survives(&mut self, fault: &Fault<'_>) {
        self.survives_up(fault);
        self.survives_down(fault);
    }

    /// From an open lane through a closed one to an open one.
    pub fn survives_up(&mut self, fault: &Fault<'_>) {
        let (name, host) = (fault.name, self.host().clone());
        let server = self.lab.world.lab.host("server").unwrap().clone();
        let egress = Egress::watch(&server).unwrap();
        let load = Hammer::start(&host, self.lab.world.internet.http_v4(), 2, Duration::from_secs(5));
        let began = Instant::now();
        (fault.strike)(&mut self.lab);
        if let Some(within) = fault.shut_within {
            let left = within.saturating_sub(began.elapsed()).max(AT_ONCE);
            wait_for(&format!("{name}: a rejected request"), left, || {
                let outcome = host.enter(|| load::ask(self.lab.world.internet.http_v4(), patient(AT_ONCE)))?;
                Ok(matches!(outcome, Outcome::Cut | Outcome::Maintenance).then_some(()))
            })
            .unwrap();
        }
        let shut = began.elapsed();
        (fault.heal)(&mut self.lab);
        let healed = Instant::now();
        self.lab.wait_open().unwrap();
        carries(&self.lab, &host);
        println!(
            "{name}: rejected after {shut:?}, a page again {:?} after the fault, {:?} after its end",
            began.elapsed(),
            healed.elapsed()
        );
        let requests = load.stop();
        println!("{name}: {}", load::summary(&requests));
        let odd: Vec<_> = requests.iter().filter(|request| matches!(request.outcome, Outcome::Odd(_))).collect();
        assert!(odd.is_empty(), "{name}: {odd:?}");
        egress.stop().unwrap().must_be_tor_only(name);
        self.only_exits_were_seen();
    }

    /// From a lane that is down to a lane that is down, although Tor is healthy again.
    pub fn survives_down(&mut self, fault: &Fault<'_>) {
        let (name, host) = (format!("{}, lane set to down", fault.name), self.host().clone());
        let server = self.lab.world.lab.host("server").unwrap().clone();
        self.lab.order("down").unwrap();
        self.lab.wait_maintenance().unwrap();
        let egress = Egress::watch(&server).unwrap();
        let load = Hammer::start(&host, self.lab.world.internet.http_v4(), 2, Duration::from_secs(5));
        (fault.strike)(&mut self.lab);
        (fault.heal)(&mut self.lab);
        self.stays_down(&name);
        let requests = load.stop();
        println!("{name}: {}", load::summary(&requests));
        let passed: Vec<_> =
            requests.iter().filter(|request| matches!(request.outcome, Outcome::Odd(_) | Outcome::Page(_))).collect();
        assert!(passed.is_empty(), "{name}: {passed:?}");
        // Tor may have no packets if the fault did not affect it.
        let seen = egress.stop().unwrap();
        println!("{name}: {} packets of Tor on the egress, {} others", seen.relays, seen.strangers.len());
        assert!(seen.strangers.is_empty(), "{name}: foreign packets left the server: {:#?}", seen.strangers);
        self.lab.order("up").unwrap();
        self.lab.wait_open().unwrap();
        carries(&self.lab, &host);
    }

    /// Waits until Tor is healthy and checks that the lane stays down as the operator set it.
    pub fn stays_down(&self, name: &str) {
        let is_well = || self.lab.tor().is_ok_and(|tor| tor.bootstrap.percent == 100 && tor.circuit_established);
        wait_for(&format!("{name}: Tor to be healthy"), PATIENCE, || Ok(is_well().then_some(()))).unwrap();
        self.lab.wait_maintenance().unwrap();
        wait_for(&format!("{name}: the maintenance page"), PATIENCE, || {
            Ok((self.asks() == Outcome::Maintenance).then_some(()))
        })
        .unwrap();
        for _ in 0..8 {
            let tor = self.lab.tor().unwrap();
            assert!(tor.desired.is_some_and(|desired| !desired.lane), "{name}: {tor:?}");
            assert_eq!(tor.lane.reason, LaneReason::OperatorDown, "{name}");
            let lane = self.lab.wg().unwrap().tor_lane;
            assert!(matches!(lane, TorLane::Maintenance { .. }), "{name}: {lane:?}");
            assert_eq!(self.asks(), Outcome::Maintenance, "{name}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The outcome of a request of the device now.
    pub fn asks(&self) -> Outcome {
        self.host().enter(|| load::ask(self.lab.world.internet.http_v4(), patient(AT_ONCE))).unwrap()
    }

    fn only_exits_were_seen(&self) {
        let is_exit =
            |from| self.lab.network.exits().any(|exit| from == exit.addresses.v4 || from == exit.addresses.v6);
        let seen = self.lab.world.internet.seen();
        let strangers: Vec<_> = seen.into_iter().filter(|seen| !is_exit(seen.from)).collect();
        assert!(strangers.is_empty(), "unexpected clients in internet: {strangers:?}");
    }
}

/// Restores the server's route to the relays.
pub fn mend(lab: &TorWorld) {
    lab.world.lab.host("server").unwrap().exec(&["ip", "route", "del", "blackhole", RELAYS]).unwrap();
}

/// Cuts it: every attempt fails immediately.
pub fn cut(lab: &TorWorld) {
    lab.world.lab.host("server").unwrap().exec(&["ip", "route", "add", "blackhole", RELAYS]).unwrap();
}

/// `stop` and `start` by an operator.
pub fn restart_tor(lab: &TorWorld) {
    lab.order("stop").unwrap();
    wait_for("Tor to be stopped", PATIENCE, || {
        Ok(lab.tor().is_ok_and(|tor| tor.process == TorProcess::Stopped).then_some(()))
    })
    .unwrap();
    lab.order("start").unwrap();
}

/// The target of Tor's path in the configuration.
pub fn program(lab: &TorWorld) -> PathBuf {
    lab.world.lab.host("server").unwrap().dir().join("program")
}

/// Replaces Tor with a shell script, or removes the program.
pub fn put_program(lab: &TorWorld, script: Option<&str>) {
    let path = program(lab);
    std::fs::remove_file(&path).unwrap();
    if let Some(script) = script {
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Puts Debian's Tor back.
pub fn put_tor_back(lab: &TorWorld) {
    let path = program(lab);
    // It may have been removed.
    let _ = std::fs::remove_file(&path);
    symlink(TOR, &path).unwrap();
}

/// Returns the command lines of the processes in the server's host, except tcpdump.
pub fn running(lab: &TorWorld) -> Vec<(u32, String)> {
    let server = lab.world.lab.host("server").unwrap();
    let pids = server.exec(&["ip", "netns", "pids", server.namespace()]).unwrap().stdout;
    let line = |pid: u32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        Some((pid, String::from_utf8_lossy(&words).replace('\0', " ")))
    };
    pids.split_whitespace().filter_map(|word| line(word.parse().ok()?)).collect()
}

/// Returns the Tor processes in the server's host.
pub fn tors(lab: &TorWorld) -> Vec<u32> {
    let path = program(lab).display().to_string();
    running(lab).into_iter().filter(|(_, line)| line.starts_with(&path)).map(|(pid, _)| pid).collect()
}

/// True if a process with this ID exists.
pub fn exists(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

pub fn carries(lab: &TorWorld, host: &Host) {
    wait_for("a page through the lane", PATIENCE, || {
        let outcome = host.enter(|| load::ask(lab.world.internet.http_v4(), Duration::from_secs(5)))?;
        Ok(matches!(outcome, Outcome::Page(_)).then_some(()))
    })
    .unwrap();
}
