//! A lab with a real server and real clients.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tornado_e2e_harness::{
    DeviceProc, Host, Internet, Lab, LabOptions, Programs, SERVER, ServerOptions, ServerProc, wait_for,
};

/// The password of every account in the tests.
pub const PASSWORD: &str = "correct horse battery";

/// The lab, the server and `internet`. Everything is removed on drop.
#[derive(Debug)]
pub struct World {
    /// The server under test.
    pub server: ServerProc,
    /// The host `internet` with its services.
    pub internet: Internet,
    /// The lab.
    pub lab: Lab,
}

impl World {
    /// Starts a lab with a ready server. `config` is appended to the server's configuration.
    ///
    /// # Errors
    ///
    /// Fails if a part does not start.
    pub fn up(devices: u16, config: &str) -> Result<Self> {
        Self::up_with(devices, ServerOptions { config: config.to_owned(), ..ServerOptions::default() })
    }

    /// Like [`Self::up`], with all of the server's options.
    ///
    /// # Errors
    ///
    /// Fails if a part does not start.
    pub fn up_with(devices: u16, options: ServerOptions) -> Result<Self> {
        let lab = Lab::up(LabOptions::with_devices(devices))?;
        let internet = lab.internet()?;
        let server = ServerProc::start(lab.host("server")?, options)?;
        // These labs have no Tor network: the lane stays closed and no Tor process tries to connect to missing
        // addresses.
        server.cli(&["tor", "stop"])?.success()?;
        Ok(Self { server, internet, lab })
    }

    /// Returns the address of the device API.
    #[must_use]
    pub fn api(&self) -> SocketAddr {
        SocketAddr::new(SERVER.v4.into(), 4605)
    }

    /// Creates an invitation link for a new account.
    ///
    /// # Errors
    ///
    /// Fails if the server does not create one.
    pub fn invite(&self, max_devices: u32) -> Result<String> {
        let answer = self.server.json(&["invite", "create", "--devices", &max_devices.to_string()])?;
        Ok(answer["link"].as_str().context("the response has no link")?.to_owned())
    }

    /// Creates an account for devices that log in with username and password.
    ///
    /// # Errors
    ///
    /// Fails if the server rejects it.
    pub fn account(&self, username: &str, max_devices: u32) -> Result<()> {
        let body = json!({ "username": username, "password": PASSWORD, "max_devices": max_devices });
        let answer = self.server.mesh("auth").within(Duration::from_secs(20)).send("POST", "/v1/users", &body);
        answer.with_context(|| username.to_owned())?;
        Ok(())
    }

    /// Returns a host of the lab.
    ///
    /// # Errors
    ///
    /// Fails if there is no host with this name.
    pub fn device_host(&self, number: u16) -> Result<&Host> {
        Ok(self.lab.host(&format!("device{number}"))?)
    }

    /// Starts a device and enrols it with an invitation for the new account `user<number>`.
    ///
    /// # Errors
    ///
    /// Fails if the enrolment fails.
    pub fn enrolled(&self, number: u16) -> Result<DeviceProc> {
        self.enroll(number, DeviceProc::start(self.device_host(number)?, Programs::beside())?)
    }

    /// Enrols a running device, like [`Self::enrolled`].
    ///
    /// # Errors
    ///
    /// Fails if the enrolment fails.
    pub fn enroll(&self, number: u16, device: DeviceProc) -> Result<DeviceProc> {
        let (link, user) = (self.invite(3)?, format!("user{number}"));
        let enrolled =
            device.cli_with_password(&["enroll", &link, "--username", &user, "--device-name", "lab"], PASSWORD)?;
        ensure!(enrolled.ok(), "the enrolment failed: {}{}", enrolled.stdout, enrolled.stderr);
        Ok(device)
    }

    /// Returns the PIDs of the server's processes by service, with the supervisor as `master`.
    ///
    /// # Errors
    ///
    /// Fails if the server does not respond.
    pub fn processes(&self) -> Result<BTreeMap<String, u32>> {
        let status = self.server.status()?;
        let services = status["services"].as_array().context("the status has no list of services")?;
        let named = |service: &Value| {
            let pid = u32::try_from(service["pid"].as_u64()?).ok()?;
            Some((service["name"].as_str()?.to_owned(), pid))
        };
        let mut all: BTreeMap<String, u32> = services.iter().filter_map(named).collect();
        all.insert("master".into(), self.server.master().context("no supervisor is running")?.pid());
        Ok(all)
    }

    /// Returns the live sessions, as the operator sees them.
    ///
    /// # Errors
    ///
    /// Fails if the server does not respond.
    pub fn sessions(&self) -> Result<Vec<Value>> {
        list(self.server.json(&["session", "list"])?)
    }

    /// Returns past sessions, newest first.
    ///
    /// # Errors
    ///
    /// Fails if the server does not respond.
    pub fn history(&self) -> Result<Vec<Value>> {
        list(self.server.json(&["session", "history"])?)
    }

    /// Waits until the operator's list has `count` live sessions.
    ///
    /// # Errors
    ///
    /// Fails if the time limit is exceeded.
    pub fn wait_sessions(&self, count: usize, within: Duration) -> Result<()> {
        wait_for(&format!("{count} live sessions"), within, || {
            let now = self.sessions().map_or(usize::MAX, |sessions| sessions.len());
            Ok((now == count).then_some(()))
        })?;
        Ok(())
    }
}

fn list(value: Value) -> Result<Vec<Value>> {
    serde_json::from_value(value).context("the response is not a list")
}
