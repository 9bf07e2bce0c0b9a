//! A lab with the real server, real devices and a private Tor network in it.

use anyhow::{Context as _, Result, anyhow};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use tornado_contracts::tor::{TorProcess, TorStatus};
use tornado_contracts::wg::{TorLane, WgStatus};
use tornado_e2e_harness::{
    DeviceProc, Lab, LabOptions, ServerOptions, ServerProc, TorNetwork, TorNetworkOptions, wait_for,
};
use tornado_e2e_lanes::world::World;

/// How long anything may take that needs Tor to start: a busy machine takes its time.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// Between two rounds of the leak canary, seconds.
pub const CANARY_INTERVAL: u64 = 2;
/// Lines of the server's log that a failed test shows.
const LAST_WORDS: usize = 150;
/// The device's WireGuard interface.
pub const INTERFACE: &str = "tornado0";

/// Lab, server, `internet` and Tor network. Everything goes when it is dropped.
#[derive(Debug)]
pub struct TorWorld {
    /// The private Tor network.
    pub network: TorNetwork,
    /// All else.
    pub world: World,
}

impl TorWorld {
    /// Puts all of it up; the lane may still be closed. `before` is called when the server is about to start.
    ///
    /// # Errors
    /// When something does not come up.
    pub fn up(devices: u16, before: impl FnOnce(&Lab) -> Result<()>) -> Result<Self> {
        Self::up_on(devices, TorNetworkOptions::default(), |lab, _| before(lab).map(|()| String::new()))
    }

    /// The same on another Tor network. What `before` returns is added to the server's table `[tor]`.
    ///
    /// # Errors
    /// When something does not come up.
    pub fn up_on(
        devices: u16,
        options: TorNetworkOptions,
        before: impl FnOnce(&Lab, &TorNetwork) -> Result<String>,
    ) -> Result<Self> {
        let lab = Lab::up(LabOptions::with_devices(devices))?;
        let internet = lab.internet()?;
        let network = TorNetwork::up(&lab, options)?;
        let more = before(&lab, &network)?;
        let tor = network.record().server_config();
        let config = format!("[wg]\ncanary_interval = {CANARY_INTERVAL}\n\n{tor}probe.interval_ms = 2000\n{more}");
        let server = ServerProc::start(lab.host("server")?, ServerOptions { config, ..ServerOptions::default() })?;
        Ok(Self { network, world: World { server, internet, lab } })
    }

    /// A device whose account was just made, on the tor lane.
    ///
    /// # Errors
    /// When it cannot connect.
    pub fn on_the_tor_lane(&self, number: u16) -> Result<DeviceProc> {
        let device = self.world.enrolled(number)?;
        device.cli(&["connect", "--lane", "tor"])?.success()?;
        Ok(device)
    }

    /// Addresses on the tor lane and the id of the device of account `user<number>`.
    ///
    /// # Errors
    /// When it has no session.
    pub fn leased(&self, number: u16) -> Result<((Ipv4Addr, Ipv6Addr), String)> {
        let sessions = self.world.sessions()?;
        let own = sessions.iter().find(|s| s["username"] == format!("user{number}")).context("no session")?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("not a text");
        let (v4, v6) = (text(&own["tor"]["v4"])?, text(&own["tor"]["v6"])?);
        Ok(((v4.parse()?, v6.parse()?), text(&own["device_id"])?))
    }

    /// Everything that service `tor` says.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn tor(&self) -> Result<TorStatus> {
        Ok(serde_json::from_value(self.world.server.mesh("tor").get("/v1/status")?)?)
    }

    /// Everything that service `wg` says.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn wg(&self) -> Result<WgStatus> {
        Ok(serde_json::from_value(self.world.server.mesh("wg").get("/v1/status")?)?)
    }

    /// Process id of Tor.
    ///
    /// # Errors
    /// When it does not run.
    pub fn tor_pid(&self) -> Result<u32> {
        let process = self.tor()?.process;
        if let TorProcess::Running { pid, .. } = process {
            return Ok(pid);
        }
        Err(anyhow!("Tor does not run: {process:?}"))
    }

    /// `kill -9` of Tor itself; the process id it had.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill_tor(&self) -> Result<u32> {
        let pid = self.tor_pid()?;
        kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL)?;
        Ok(pid)
    }

    /// Waits until the lane in the kernel is as wanted, by what `wg` says.
    ///
    /// # Errors
    /// When it does not come to that; with what `tor` said last.
    pub fn wait_lane(&self, what: &str, is_it: impl Fn(&TorLane) -> bool) -> Result<()> {
        let waited =
            wait_for(what, PATIENCE, || Ok(self.wg().is_ok_and(|status| is_it(&status.tor_lane)).then_some(())));
        waited.map_err(|error| anyhow!("{error}; tor says {:#?}, wg says {:#?}", self.tor(), self.wg()))
    }

    /// Waits until the lane is open in the kernel.
    ///
    /// # Errors
    /// When it does not open.
    pub fn wait_open(&self) -> Result<()> {
        self.wait_lane("the lane to be open", |lane| matches!(lane, TorLane::Open { .. }))
    }

    /// Waits until the lane shows the page.
    ///
    /// # Errors
    /// When it does not.
    pub fn wait_maintenance(&self) -> Result<()> {
        self.wait_lane("the lane to be in maintenance", |lane| matches!(lane, TorLane::Maintenance { .. }))
    }

    /// An operator's order: `start`, `stop`, `up` or `down`.
    ///
    /// # Errors
    /// When it is refused.
    pub fn order(&self, word: &str) -> Result<()> {
        self.world.server.cli(&["tor", word])?.success()?;
        Ok(())
    }
}

impl Drop for TorWorld {
    #[expect(clippy::print_stdout, reason = "a test that failed says what the server said")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.world.server.log().unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            println!("The server's last words:\n{}", lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n"));
        }
    }
}
