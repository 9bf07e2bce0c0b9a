//! The world of the bench: lab, server, a device with a tunnel, and the load generator.

use super::pulse::Pulse;
use crate::bench::fleet::{Fleet, program};
use crate::bench::process::{enroll, kib_line, mebi, pids, resident_bytes};
use anyhow::{Context as _, ensure};
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tornado_e2e_harness::{
    DeviceProc, Host, Internet, Lab, LabOptions, Programs, ServerOptions, ServerProc, Spent, wait_for,
};

/// Credentials of the account whose device has a tunnel.
const PASSWORD: &str = "correct horse battery";
const ACCOUNT: &str = "ada";
const PATIENCE: Duration = Duration::from_secs(30);

/// Cost of Argon2: memory in KiB, passes, lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost(pub u32, pub u32, pub u32);

impl Cost {
    /// The server's default.
    pub const REAL: Self = Self(64 * 1024, 3, 4);
    /// The minimum, to create many devices quickly.
    pub const NOTHING: Self = Self(64, 1, 1);

    /// Raises the limits that many devices behind one address would reach, and disables the expiry of sessions without
    /// heartbeats.
    fn config(self) -> String {
        let Self(memory, passes, lanes) = self;
        format!(
            "[session]\nheartbeat_ttl = 3600\n\n[auth]\nhash_queue = 1024\n\
             argon2 = {{ memory_kib = {memory}, passes = {passes}, lanes = {lanes} }}\n\
             guard = {{ failures = 100, at_once = 1000 }}\n\n\
             [client_api]\nconnections_per_address = 4096\nanonymous_per_minute = 1000000\n"
        )
    }
}

/// Memory in MiB.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Memory {
    /// Resident set size.
    pub resident: f64,
    /// Proportional set size.
    pub proportional: f64,
}

impl Memory {
    fn of(pid: u32) -> anyhow::Result<Self> {
        Ok(Self { resident: mebi(resident_bytes(pid)?), proportional: mebi(proportional_bytes(pid)?) })
    }
}

/// The complete world. Everything is removed on drop.
pub struct World {
    /// Devices of the load generator.
    pub fleet: Fleet,
    /// Observes the tunnel of `device`.
    pub pulse: Pulse,
    device: DeviceProc,
    server: Option<ServerProc>,
    host: Host,
    programs: Programs,
    _internet: Internet,
    _lab: Lab,
}

impl World {
    /// Starts everything. Also returns the seconds of the first start, in which the server creates its keys.
    pub fn up() -> anyhow::Result<(Self, f64)> {
        ensure!(program().is_file(), "the load generator is not built");
        let programs = Programs::in_dir(crate::bench::tor_world::programs());
        let lab = Lab::up(LabOptions::with_devices(2))?;
        let internet = lab.internet()?;
        let host = lab.host("server")?.clone();
        let started = Instant::now();
        let server = start(&host, &programs, Cost::REAL)?;
        let first = started.elapsed().as_secs_f64();
        let fleet = Fleet::start(lab.host("device2")?, &server.run_dir())?;
        let device = DeviceProc::start(lab.host("device1")?, programs.clone())?;
        let pulse = Pulse::start(device.host(), lab.host("internet")?)?;
        let world = Self { fleet, pulse, device, server: Some(server), host, programs, _internet: internet, _lab: lab };
        Ok((world, first))
    }

    /// Stops the server in order and starts it again. Returns the seconds until it is ready.
    pub fn restart(&mut self, cost: Cost) -> anyhow::Result<f64> {
        if let Some(server) = self.server.take() {
            server.stop()?;
        }
        let started = Instant::now();
        self.server = Some(start(&self.host, &self.programs, cost)?);
        Ok(started.elapsed().as_secs_f64())
    }

    pub fn server(&self) -> anyhow::Result<&ServerProc> {
        self.server.as_ref().context("the server does not run")
    }

    /// Enrols the device with the tunnel.
    pub fn enroll(&self) -> anyhow::Result<()> {
        enroll(self.server()?, &self.device, ACCOUNT, PASSWORD)
    }

    /// Connects the device on the direct lane and waits for its packets.
    pub fn connect(&self) -> anyhow::Result<()> {
        self.device.cli(&["connect", "--lane", "direct"])?.success()?;
        self.pulse.wait(PATIENCE)
    }

    /// Reactivates the account, logs in and connects again.
    pub fn back(&self) -> anyhow::Result<()> {
        self.server()?.cli(&["user", "reactivate", ACCOUNT])?.success()?;
        self.device.cli_with_password(&["login"], PASSWORD)?.success()?;
        self.connect()
    }

    /// Suspends the account with a single call to the service, to keep the overhead low.
    pub fn suspend(&self) -> anyhow::Result<()> {
        let body = json!({ "user": ACCOUNT, "active": false });
        Ok(self.server()?.mesh("auth").within(PATIENCE).send("PATCH", "/v1/users", &body).map(drop)?)
    }

    /// Resident and proportional memory of every process of the server in MiB, with Tor separately, and the sum of our
    /// processes. Shared pages count for each process in the resident memory, and in parts in the proportional memory.
    pub fn memory(&self) -> anyhow::Result<(Memory, Value)> {
        let tor = self.get("tor", "/v1/status")?["process"]["pid"].as_u64();
        let (mut table, mut sum) = (serde_json::Map::new(), Memory::default());
        for (name, pid) in self.processes()? {
            let one = Memory::of(pid)?;
            sum.resident += one.resident;
            sum.proportional += one.proportional;
            table.insert(name, serde_json::to_value(one)?);
        }
        table.insert("sum of ours".into(), serde_json::to_value(sum)?);
        if let Some(pid) = tor {
            table.insert("Debian's Tor".into(), serde_json::to_value(Memory::of(u32::try_from(pid)?)?)?);
        }
        Ok((sum, table.into()))
    }

    /// Our processes with their pids.
    fn processes(&self) -> anyhow::Result<Vec<(String, u32)>> {
        let master = self.server()?.master().context("the supervisor is not running")?.pid();
        let mut all = vec![("master".to_owned(), master)];
        all.extend(pids(&self.get("master", "/v1/status")?)?);
        Ok(all)
    }

    /// CPU use in percent of a core and wake-ups per second of each idle process over `time`.
    pub fn rest(&self, time: Duration) -> anyhow::Result<serde_json::Map<String, Value>> {
        let mut before = Vec::new();
        for (name, pid) in self.processes()? {
            before.push((name, pid, Spent::of(pid)?));
        }
        std::thread::sleep(time);
        let mut table = serde_json::Map::new();
        for (name, pid, earlier) in before {
            let cost = Spent::of(pid)?.since(&earlier);
            table.insert(name, json!({ "percent": cost.percent, "wakeups_s": cost.wakeups }));
        }
        Ok(table)
    }

    /// Number of peers of `wg` after its first sync; `None` before that or if it does not respond.
    pub fn peers(&self) -> Option<u64> {
        let status = self.get("wg", "/v1/status").ok()?;
        (status["synced"] == true).then(|| status["peers"].as_u64()).flatten()
    }

    /// Returns true if the server's state is on a tmpfs.
    pub fn is_in_memory(&self) -> anyhow::Result<bool> {
        Ok(statfs(&self.server()?.state_dir())?.filesystem_type() == TMPFS_MAGIC)
    }

    /// Polls every 5 ms until `done`. Returns the seconds.
    pub fn until(&self, what: &str, mut done: impl FnMut(&Self) -> anyhow::Result<bool>) -> anyhow::Result<f64> {
        let started = Instant::now();
        while !done(self)? {
            ensure!(started.elapsed() < PATIENCE * 2, "timed out after {:?} waiting for: {what}", started.elapsed());
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(started.elapsed().as_secs_f64())
    }

    fn get(&self, service: &str, path: &str) -> anyhow::Result<Value> {
        Ok(self.server()?.mesh(service).within(PATIENCE).get(path)?)
    }
}

fn start(host: &Host, programs: &Programs, cost: Cost) -> anyhow::Result<ServerProc> {
    let options =
        ServerOptions { programs: programs.clone(), config: cost.config(), cluster: false, ..ServerOptions::default() };
    Ok(ServerProc::start(host, options)?)
}

/// Memory in bytes with shared pages divided among their processes; proc_pid_smaps_rollup(5).
fn proportional_bytes(pid: u32) -> anyhow::Result<u64> {
    kib_line(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
}

/// Waits until a service runs with another pid.
pub fn wait_other(world: &World, service: &str, before: u32) -> anyhow::Result<()> {
    wait_for(service, PATIENCE, || {
        Ok(world.server().ok().and_then(|server| server.pid_of(service).ok()).filter(|pid| *pid != before).map(drop))
    })?;
    Ok(())
}
