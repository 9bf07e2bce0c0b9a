//! A lab with a server whose disks can be filled, whose clock can be moved and whose processes can be killed at fault
//! points.

use anyhow::{Context as _, Result, ensure};
use nix::mount::{MsFlags, mount};
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tornado_e2e_engines::Cluster;
use tornado_e2e_harness::{Lab, LabOptions, ServerOptions, ServerProc, wait_for};
use tornado_e2e_lanes::world::World;
use tornado_kit::files::{Access, Durability, replace};

/// How often the clock was set back so far. A key that was removed while the clock was ahead is unknown after that, and
/// tokens that it signed still look young. They are rejected as `invalid_token`, and their holders must refresh them.
pub static SET_BACK: AtomicU32 = AtomicU32::new(0);

/// Services with their own durable state.
const KEEPERS: [&str; 2] = ["auth", "session"];
/// Mount options of such a service's disk.
const DISK: &str = "size=48m,mode=0700";
/// File that fills the disk; removed to empty it.
const FILLER: &str = "filler";

/// Time limit for a step to be passed.
pub(crate) const STEP_WITHIN: Duration = Duration::from_secs(6);

/// Short intervals, cheap passwords, and no limits that two hundred devices behind one address would reach.
const CONFIG: &str = r"
[session]
heartbeat_ttl = 90
sweep_interval = 1
checkpoint_interval = 3
quarantine = 5

[auth]
hash_queue = 1024
argon2 = { memory_kib = 64, passes = 1, lanes = 1 }
guard = { failures = 100, at_once = 1000 }

[client_api]
connections_per_address = 4096
anonymous_per_minute = 1000000
";

/// Lab, server and the switches of the faults.
#[derive(Debug)]
pub struct FaultWorld {
    /// The lab, as in other tests.
    pub world: World,
    trial: PathBuf,
    clock: i64,
}

impl FaultWorld {
    /// Starts a lab with a server and waits until it is ready.
    ///
    /// # Errors
    ///
    /// Fails if something does not start.
    pub fn up(devices: u16, cluster: bool) -> Result<Self> {
        let lab = Lab::up(LabOptions::with_devices(devices))?;
        let internet = lab.internet()?;
        let host = lab.host("server")?;
        for service in KEEPERS {
            let dir = host.dir().join("state").join(service);
            fs::create_dir_all(&dir)?;
            mount(Some("tmpfs"), &dir, Some("tmpfs"), MsFlags::MS_NOATIME, Some(DISK))?;
        }
        let trial = host.dir().join("trial");
        fs::create_dir_all(&trial)?;
        // Every service removes its own switch, as its own user.
        fs::set_permissions(&trial, fs::Permissions::from_mode(0o777))?;
        let environment = vec![("TORNADO_TRIAL".to_owned(), trial.display().to_string())];
        let options = ServerOptions { cluster, environment, config: CONFIG.to_owned(), ..ServerOptions::default() };
        let server = ServerProc::start(host, options)?;
        server.cli(&["tor", "stop"])?.success()?;
        Ok(Self { world: World { server, internet, lab }, trial, clock: 0 })
    }

    /// The databases of the server.
    ///
    /// # Errors
    ///
    /// Fails in the embedded profile.
    pub fn cluster(&self) -> Result<&Cluster> {
        self.world.server.cluster().context("the embedded profile has no database servers")
    }

    /// Arms a step and waits until a process has died there. Returns false if no process passed it in time.
    ///
    /// # Errors
    ///
    /// Fails if the switch cannot be set.
    pub fn pass(&self, step: &str, within: Duration) -> Result<bool> {
        let switch = self.trial.join(step);
        File::create(&switch)?;
        if step.starts_with("rotation.") {
            // The command fails if the service dies, which is intended.
            drop(self.world.server.cli(&["keys", "rotate"])?);
        }
        if step == "sync.lane" {
            drop(self.world.server.kill_service("session"));
        }
        let passed = wait_for(step, within, || Ok((!switch.exists()).then_some(()))).is_ok();
        if passed {
            return Ok(true);
        }
        match fs::remove_file(&switch) {
            Ok(()) => Ok(false),
            // The step was passed at this moment.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves the clock of every service.
    ///
    /// # Errors
    ///
    /// Fails if the switch cannot be set.
    pub fn shift_clock(&mut self, seconds: i64) -> Result<()> {
        self.clock += seconds;
        if seconds < 0 {
            SET_BACK.fetch_add(1, Ordering::SeqCst);
        }
        let shift = self.clock.to_string();
        Ok(replace(&self.trial.join("clock"), shift.as_bytes(), Access::mode(0o644), Durability::Unsynced)?)
    }

    fn filler(&self, service: &str) -> PathBuf {
        self.world.server.state_dir().join(service).join(FILLER)
    }

    /// Fills the disk of a service completely.
    ///
    /// # Errors
    ///
    /// Fails if the disk cannot be filled.
    pub fn fill(&self, service: &str) -> Result<()> {
        let mut file = File::create(self.filler(service))?;
        // Repeat small blocks, to fill space that others have freed in between.
        for size in [1 << 16, 4096, 4096] {
            let block = vec![0u8; size];
            loop {
                match file.write(&block) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// Removes the file that [`Self::fill`] wrote.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be removed.
    pub fn empty(&self, service: &str) -> Result<()> {
        Ok(fs::remove_file(self.filler(service))?)
    }

    /// Waits until every service is ready again. A service whose back-off is longer than the test can wait is started
    /// as by an operator.
    ///
    /// # Errors
    ///
    /// Fails if the server does not become ready in time.
    pub fn settle(&mut self, within: Duration) -> Result<()> {
        let began = Instant::now();
        while self.world.server.wait_ready(Duration::from_secs(3)).is_err() {
            ensure!(began.elapsed() < within, "not ready after {within:?}: {:?}", self.world.server.status());
            drop(self.world.server.cli(&["start"])?);
        }
        Ok(())
    }

    /// The latest log lines of the server, without session events.
    #[must_use]
    pub fn last_words(&self, lines: usize) -> String {
        let log = self.world.server.log().unwrap_or_default();
        let all: Vec<_> = log.lines().filter(|line| !line.contains("\"session event\"")).collect();
        all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
    }
}
