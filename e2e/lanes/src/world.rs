//! A lab with the real server and real clients in it.

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

/// Lab, server and `internet`. Everything goes when it is dropped.
#[derive(Debug)]
pub struct World {
    /// The server under test.
    pub server: ServerProc,
    /// What there is to visit.
    pub internet: Internet,
    /// The network.
    pub lab: Lab,
}

impl World {
    /// A lab with a server that is ready. `config` is added to the server's configuration.
    ///
    /// # Errors
    /// When something does not come up.
    pub fn up(devices: u16, config: &str) -> Result<Self> {
        Self::up_with(devices, ServerOptions { config: config.to_owned(), ..ServerOptions::default() })
    }

    /// The same with all of the server's options.
    ///
    /// # Errors
    /// When something does not come up.
    pub fn up_with(devices: u16, options: ServerOptions) -> Result<Self> {
        let lab = Lab::up(LabOptions::with_devices(devices))?;
        let internet = lab.internet()?;
        let server = ServerProc::start(lab.host("server")?, options)?;
        // These labs have no Tor network: the lane stays closed, and no Tor knocks at addresses that are not there.
        server.cli(&["tor", "stop"])?.success()?;
        Ok(Self { server, internet, lab })
    }

    /// The device API.
    #[must_use]
    pub fn api(&self) -> SocketAddr {
        SocketAddr::new(SERVER.v4.into(), 4605)
    }

    /// An invitation link for a new account.
    ///
    /// # Errors
    /// When the server makes none.
    pub fn invite(&self, max_devices: u32) -> Result<String> {
        let answer = self.server.json(&["invite", "create", "--devices", &max_devices.to_string()])?;
        Ok(answer["link"].as_str().context("no link in the answer")?.to_owned())
    }

    /// Makes an account for devices that log in with name and password.
    ///
    /// # Errors
    /// When the server refuses it.
    pub fn account(&self, username: &str, max_devices: u32) -> Result<()> {
        let body = json!({ "username": username, "password": PASSWORD, "max_devices": max_devices });
        let answer = self.server.mesh("auth").within(Duration::from_secs(20)).send("POST", "/v1/users", &body);
        answer.with_context(|| username.to_owned())?;
        Ok(())
    }

    /// A host of the lab.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn device_host(&self, number: u16) -> Result<&Host> {
        Ok(self.lab.host(&format!("device{number}"))?)
    }

    /// A device whose account `user<number>` was just made by an invitation.
    ///
    /// # Errors
    /// When enrolling fails.
    pub fn enrolled(&self, number: u16) -> Result<DeviceProc> {
        self.enroll(number, DeviceProc::start(self.device_host(number)?, Programs::beside())?)
    }

    /// The same for a device that runs already.
    ///
    /// # Errors
    /// When enrolling fails.
    pub fn enroll(&self, number: u16, device: DeviceProc) -> Result<DeviceProc> {
        let (link, user) = (self.invite(3)?, format!("user{number}"));
        let enrolled =
            device.cli_with_password(&["enroll", &link, "--username", &user, "--device-name", "lab"], PASSWORD)?;
        ensure!(enrolled.ok(), "enroll: {}{}", enrolled.stdout, enrolled.stderr);
        Ok(device)
    }

    /// The server's processes by service, with the supervisor as `master`.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn processes(&self) -> Result<BTreeMap<String, u32>> {
        let status = self.server.status()?;
        let services = status["services"].as_array().context("no list of services")?;
        let named = |service: &Value| {
            let pid = u32::try_from(service["pid"].as_u64()?).ok()?;
            Some((service["name"].as_str()?.to_owned(), pid))
        };
        let mut all: BTreeMap<String, u32> = services.iter().filter_map(named).collect();
        all.insert("master".into(), self.server.master().context("no supervisor runs")?.pid());
        Ok(all)
    }

    /// Live sessions as the operator sees them.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn sessions(&self) -> Result<Vec<Value>> {
        list(self.server.json(&["session", "list"])?)
    }

    /// Connections that were, newest first.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn history(&self) -> Result<Vec<Value>> {
        list(self.server.json(&["session", "history"])?)
    }

    /// Waits until the operator's list has `count` live sessions.
    ///
    /// # Errors
    /// When it does not come to that.
    pub fn wait_sessions(&self, count: usize, within: Duration) -> Result<()> {
        wait_for(&format!("{count} live sessions"), within, || {
            let now = self.sessions().map_or(usize::MAX, |sessions| sessions.len());
            Ok((now == count).then_some(()))
        })?;
        Ok(())
    }
}

fn list(value: Value) -> Result<Vec<Value>> {
    serde_json::from_value(value).context("not a list")
}
