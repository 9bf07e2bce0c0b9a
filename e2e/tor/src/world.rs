//! A lab with a real server, real devices and a private Tor network.

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

/// Time limit for everything that waits for Tor to start: a busy machine is slow.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// Interval of the leak canary, in seconds.
pub const CANARY_INTERVAL: u64 = 2;
/// Number of lines of the server's log that a failed test prints.
const LAST_WORDS: usize = 150;
/// The device's WireGuard interface.
pub const INTERFACE: &str = "tornado0";

/// The lab, server, `internet` and Tor network. Everything is removed on drop.
#[derive(Debug)]
pub struct TorWorld {
    /// The private Tor network.
    pub network: TorNetwork,
    /// Everything else.
    pub world: World,
}

impl TorWorld {
    /// Starts everything; the lane may still be closed. `before` is called just before the server starts.
    ///
    /// # Errors
    ///
    /// Fails if a part does not start.
    pub fn up(devices: u16, before: impl FnOnce(&Lab) -> Result<()>) -> Result<Self> {
        Self::up_on(devices, TorNetworkOptions::default(), |lab, _| before(lab).map(|()| String::new()))
    }

    /// Like [`Self::up`], with another Tor network. The return value of `before` is appended to the server's table
    /// `[tor]`.
    ///
    /// # Errors
    ///
    /// Fails if a part does not start.
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

    /// Starts a device with a new account and connects it to the tor lane.
    ///
    /// # Errors
    ///
    /// Fails if it cannot connect.
    pub fn on_the_tor_lane(&self, number: u16) -> Result<DeviceProc> {
        let device = self.world.enrolled(number)?;
        device.cli(&["connect", "--lane", "tor"])?.success()?;
        Ok(device)
    }

    /// Returns the tor lane address and the ID of the device of account `user<number>`.
    ///
    /// # Errors
    ///
    /// Fails if it has no session.
    pub fn leased(&self, number: u16) -> Result<((Ipv4Addr, Ipv6Addr), String)> {
        let sessions = self.world.sessions()?;
        let own =
            sessions.iter().find(|s| s["username"] == format!("user{number}")).context("the device has no session")?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("the value is not a string");
        let (v4, v6) = (text(&own["tor"]["v4"])?, text(&own["tor"]["v6"])?);
        Ok(((v4.parse()?, v6.parse()?), text(&own["device_id"])?))
    }

    /// Returns the status of service `tor`.
    ///
    /// # Errors
    ///
    /// Fails if it does not respond.
    pub fn tor(&self) -> Result<TorStatus> {
        Ok(serde_json::from_value(self.world.server.mesh("tor").get("/v1/status")?)?)
    }

    /// Returns the status of service `wg`.
    ///
    /// # Errors
    ///
    /// Fails if it does not respond.
    pub fn wg(&self) -> Result<WgStatus> {
        Ok(serde_json::from_value(self.world.server.mesh("wg").get("/v1/status")?)?)
    }

    /// Returns Tor's process ID.
    ///
    /// # Errors
    ///
    /// Fails if Tor is not running.
    pub fn tor_pid(&self) -> Result<u32> {
        let process = self.tor()?.process;
        if let TorProcess::Running { pid, .. } = process {
            return Ok(pid);
        }
        Err(anyhow!("Tor is not running: {process:?}"))
    }

    /// Kills Tor itself with `kill -9`; returns its former process ID.
    ///
    /// # Errors
    ///
    /// Fails if Tor is not running.
    pub fn kill_tor(&self) -> Result<u32> {
        let pid = self.tor_pid()?;
        kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL)?;
        Ok(pid)
    }

    /// Waits until the kernel's lane is in the desired state, according to `wg`.
    ///
    /// # Errors
    ///
    /// Fails if the time limit is exceeded; the error has the last status of `tor`.
    pub fn wait_lane(&self, what: &str, is_it: impl Fn(&TorLane) -> bool) -> Result<()> {
        let waited =
            wait_for(what, PATIENCE, || Ok(self.wg().is_ok_and(|status| is_it(&status.tor_lane)).then_some(())));
        waited.map_err(|error| anyhow!("{error}; status of tor: {:#?}, status of wg: {:#?}", self.tor(), self.wg()))
    }

    /// Waits until the lane is open in the kernel.
    ///
    /// # Errors
    ///
    /// Fails if it does not open.
    pub fn wait_open(&self) -> Result<()> {
        self.wait_lane("the lane to be open", |lane| matches!(lane, TorLane::Open { .. }))
    }

    /// Waits until the lane shows the maintenance page.
    ///
    /// # Errors
    ///
    /// Fails if it does not.
    pub fn wait_maintenance(&self) -> Result<()> {
        self.wait_lane("the lane to be in maintenance", |lane| matches!(lane, TorLane::Maintenance { .. }))
    }

    /// Sends an operator's command: `start`, `stop`, `up` or `down`.
    ///
    /// # Errors
    ///
    /// Fails if it is rejected.
    pub fn order(&self, word: &str) -> Result<()> {
        self.world.server.cli(&["tor", word])?.success()?;
        Ok(())
    }
}

impl Drop for TorWorld {
    #[expect(clippy::print_stdout, reason = "a failed test prints the server's log")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.world.server.log().unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            println!("The end of the server's log:\n{}", lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n"));
        }
    }
}
