//! A lab with a server whose disks can be filled, whose clock can be moved and which can be told where to die.

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

/// How often the clock was set back so far. A key that was forgotten while the clock was ahead is not known again then,
/// and tokens that it signed look young: they are `invalid_token`, and their holders are to trade them.
pub static SET_BACK: AtomicU32 = AtomicU32::new(0);

/// Services that keep durable state of their own.
const KEEPERS: [&str; 2] = ["auth", "session"];
/// What a keeper's disk holds.
const DISK: &str = "size=48m,mode=0700";
/// What fills it; taken away to empty it.
const FILLER: &str = "filler";

/// How long a step may take to be passed.
pub(crate) const STEP_WITHIN: Duration = Duration::from_secs(6);

/// Quick times, cheap passwords, and no limits that two hundred devices behind one address would meet.
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

/// Lab, server and its switches.
#[derive(Debug)]
pub struct FaultWorld {
    /// All that any lab has.
    pub world: World,
    trial: PathBuf,
    clock: i64,
}

impl FaultWorld {
    /// A lab with a server that is ready.
    ///
    /// # Errors
    /// When something does not come up.
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
        // Every service takes its own switch away, as its own user.
        fs::set_permissions(&trial, fs::Permissions::from_mode(0o777))?;
        let environment = vec![("TORNADO_TRIAL".to_owned(), trial.display().to_string())];
        let options = ServerOptions { cluster, environment, config: CONFIG.to_owned(), ..ServerOptions::default() };
        let server = ServerProc::start(host, options)?;
        server.cli(&["tor", "stop"])?.success()?;
        Ok(Self { world: World { server, internet, lab }, trial, clock: 0 })
    }

    /// Its databases.
    ///
    /// # Errors
    /// In the embedded profile.
    pub fn cluster(&self) -> Result<&Cluster> {
        self.world.server.cluster().context("this profile has no cluster")
    }

    /// Arms a step and waits until a process died there. False: none passed it in time.
    ///
    /// # Errors
    /// When the switch cannot be set.
    pub fn pass(&self, step: &str, within: Duration) -> Result<bool> {
        let switch = self.trial.join(step);
        File::create(&switch)?;
        if step.starts_with("rotation.") {
            // It ends badly when the service dies: that is what is asked of it.
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
            // Gone in this very moment is as good.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves the clock of every service.
    ///
    /// # Errors
    /// When the switch cannot be set.
    pub fn shift_clock(&mut self, seconds: i64) -> Result<()> {
        self.clock += seconds;
        let (new, switch) = (self.trial.join("clock.new"), self.trial.join("clock"));
        fs::write(&new, self.clock.to_string())?;
        fs::set_permissions(&new, fs::Permissions::from_mode(0o644))?;
        if seconds < 0 {
            SET_BACK.fetch_add(1, Ordering::SeqCst);
        }
        Ok(fs::rename(new, switch)?)
    }

    fn filler(&self, service: &str) -> PathBuf {
        self.world.server.state_dir().join(service).join(FILLER)
    }

    /// Leaves no byte free on a keeper's disk.
    ///
    /// # Errors
    /// When it cannot be filled.
    pub fn fill(&self, service: &str) -> Result<()> {
        let mut file = File::create(self.filler(service))?;
        // What others free meanwhile is taken too.
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

    /// Takes away what [`Self::fill`] wrote.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn empty(&self, service: &str) -> Result<()> {
        Ok(fs::remove_file(self.filler(service))?)
    }

    /// Waits until every service is ready again. One that waits longer between its starts than a test has patience is
    /// started as an operator does.
    ///
    /// # Errors
    /// When it does not come to that.
    pub fn settle(&mut self, within: Duration) -> Result<()> {
        let began = Instant::now();
        while self.world.server.wait_ready(Duration::from_secs(3)).is_err() {
            ensure!(began.elapsed() < within, "not ready after {within:?}: {:?}", self.world.server.status());
            drop(self.world.server.cli(&["start"])?);
        }
        Ok(())
    }

    /// What the server said last, without the lives of sessions.
    #[must_use]
    pub fn last_words(&self, lines: usize) -> String {
        let log = self.world.server.log().unwrap_or_default();
        let all: Vec<_> = log.lines().filter(|line| !line.contains("\"session event\"")).collect();
        all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
    }
}
