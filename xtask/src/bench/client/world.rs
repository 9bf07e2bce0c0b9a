//! The world of the bench: lab, private Tor network, server, and one device whose helper can be made to sleep.

use crate::bench::process::enroll;
use crate::bench::tor_world::programs;
use anyhow::{Context as _, ensure};
use nix::sys::signal::Signal;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tornado_e2e_harness::{
    DeviceProc, Host, Internet, Lab, LabOptions, Programs, ServerOptions, ServerProc, TorNetwork, TorNetworkOptions,
    wait_for,
};

const PATIENCE: Duration = Duration::from_secs(90);
/// Source of the library that reports the time for which the helper slept.
const SHIM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../e2e/lanes/tests/shim/sleep.c");
/// The device's two addresses in the network to which it moves and back.
const PLACES: [Ipv4Addr; 2] = [Ipv4Addr::new(198, 51, 100, 1), Ipv4Addr::new(198, 51, 100, 101)];
/// How long the machine sleeps.
const SLEEP: Duration = Duration::from_secs(3);

/// The complete world. Everything is removed on drop.
pub struct World {
    pub device: DeviceProc,
    server: ServerProc,
    internet: Internet,
    slept: (std::fs::File, Duration),
    place: usize,
    _network: TorNetwork,
    lab: Lab,
}

impl World {
    /// Starts everything, enrols the device, and waits until the tor lane carries traffic.
    pub fn up() -> anyhow::Result<Self> {
        let programs = Programs::in_dir(programs());
        let lab = Lab::up(LabOptions::with_devices(1))?;
        let internet = lab.internet()?;
        let network = TorNetwork::up(&lab, TorNetworkOptions::default())?;
        let config = network.record().server_config();
        let options = ServerOptions { config, programs: programs.clone(), ..ServerOptions::default() };
        let server = ServerProc::start(lab.host("server")?, options)?;
        let host = lab.host("device1")?;
        let (library, path) = build_shim(host.dir())?;
        let mut device = DeviceProc::attach(host, programs);
        device.preload(&library, &[("SLEPT_FILE", &path)]);
        device.start_helper()?;
        enroll(&server, &device, "ada", "correct horse battery")?;
        let file = std::fs::OpenOptions::new().write(true).open(&path)?;
        let access = lab.host("access")?;
        access.exec(&["ip", "route", "add", &format!("{}/32", PLACES[1]), "dev", "dev1"])?;
        let world = Self { device, server, internet, slept: (file, Duration::ZERO), place: 0, _network: network, lab };
        world.device.cli(&["connect", "--lane", "tor"])?.success()?;
        world.page(PATIENCE)?;
        Ok(world)
    }

    fn host(&self) -> &Host {
        self.device.host()
    }

    /// Runs `tornado WORDS`.
    pub fn tornado(&self, words: &[&str]) -> anyhow::Result<()> {
        self.device.cli(words)?.success()?;
        Ok(())
    }

    /// Waits for a page from the internet.
    pub fn page(&self, within: Duration) -> anyhow::Result<()> {
        let to = self.internet.http_v4();
        wait_for("a page", within, || {
            let page = self.host().http_get_within(to, "/", Duration::from_millis(500));
            Ok(page.ok().filter(|page| page.status == 200))
        })?;
        Ok(())
    }

    /// Waits until the internet echoes a datagram.
    fn echo(&self, within: Duration) -> anyhow::Result<()> {
        let to = self.internet.echo_v4();
        let is_echoed = || -> bool {
            let Ok(socket) = UdpSocket::bind("0.0.0.0:0") else { return false };
            let wait = socket.set_read_timeout(Some(Duration::from_millis(50)));
            wait.is_ok() && socket.send_to(b"there?", to).is_ok() && socket.recv(&mut [0; 16]).is_ok()
        };
        self.host().enter(|| {
            let until = Instant::now() + within;
            while !is_echoed() {
                ensure!(Instant::now() < until, "the internet echoed nothing within {within:?}");
            }
            Ok(())
        })?
    }

    /// Moves the device to another address. Returns the seconds until traffic passes.
    pub fn roam(&mut self) -> anyhow::Result<f64> {
        self.echo(PATIENCE)?;
        let [from, to] = if self.place == 0 { PLACES } else { [PLACES[1], PLACES[0]] };
        self.place = 1 - self.place;
        let begun = Instant::now();
        for line in [
            format!("addr add {to}/32 dev eth0"),
            format!("addr del {from}/32 dev eth0"),
            "route replace default via 198.51.100.254 dev eth0 onlink".to_owned(),
        ] {
            let words: Vec<&str> = std::iter::once("ip").chain(line.split(' ')).collect();
            self.host().exec(&words)?;
        }
        self.echo(PATIENCE)?;
        Ok(begun.elapsed().as_secs_f64())
    }

    /// Makes the helper sleep while the server forgets the keys of the tunnel. Returns the seconds from the resumption
    /// until traffic passes.
    pub fn sleep(&mut self) -> anyhow::Result<f64> {
        self.echo(PATIENCE)?;
        let helper = self.device.helper().context("the helper does not run")?;
        let pid = self.server.kill_service("wg")?;
        helper.signal(Signal::SIGSTOP)?;
        let begun = Instant::now();
        self.server.wait_restarted("wg", pid, PATIENCE)?;
        std::thread::sleep(SLEEP);
        self.slept.1 += begun.elapsed();
        self.slept.0.write_all_at(&i64::try_from(self.slept.1.as_nanos())?.to_ne_bytes(), 0)?;
        let resumed = Instant::now();
        helper.signal(Signal::SIGCONT)?;
        self.echo(PATIENCE)?;
        Ok(resumed.elapsed().as_secs_f64())
    }

    /// Pid of the helper.
    pub fn helper(&self) -> anyhow::Result<u32> {
        Ok(self.device.helper().context("the helper does not run")?.pid())
    }

    /// Name of the lab, for messages.
    pub fn lab(&self) -> &str {
        self.lab.id()
    }
}

/// Builds the library, and creates the file with the time for which the helper slept.
fn build_shim(directory: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let (library, path) = (directory.join("sleep.so"), directory.join("slept"));
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(SHIM).status()?;
    ensure!(built.success(), "cc cannot build {SHIM}");
    std::fs::write(&path, [0; 8])?;
    Ok((library, path))
}
