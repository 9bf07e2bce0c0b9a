//! What can happen to a server.

use crate::world::FaultWorld;
use anyhow::Result;
use nix::mount::{MsFlags, mount};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// Something that happens at a moment nobody chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// `kill -9` of a service, or of `master`.
    Kill(&'static str),
    /// The process that passes this step next dies there.
    Step(&'static str),
    /// No byte can be written to the state directory of a service, for a while.
    DiskFull(&'static str),
    /// The same, and the service dies meanwhile.
    DiskFullAndKill(&'static str),
    /// The service is killed and finds its state directory read-only, for a while.
    ReadOnly(&'static str),
    /// The clock of every service jumps by these seconds.
    Clock(i64),
    /// PostgreSQL is killed and comes back.
    PostgresKilled,
    /// PostgreSQL stops answering for a while.
    PostgresHangs,
    /// Redis forgets everything.
    RedisWiped,
    /// Redis is killed and comes back empty.
    RedisKilled,
    /// Redis stops answering for a while.
    RedisHangs,
}

/// Processes that can be killed.
const PROCESSES: [&str; 8] = ["auth", "session", "wg", "client-api", "admin", "tor", "dns", "master"];

/// Fault points of login, connect, disconnect and rotation.
const STEPS: [&str; 24] = [
    "login.opened",
    "login.checked",
    "login.stored",
    "refresh.stored",
    "grant.keyed",
    "connect.granted",
    "connect.leased",
    "connect.peered",
    "connect.online",
    "recover.peered",
    "close.unpeered",
    "close.stored",
    "put.isolated",
    "put.lane",
    "put.done",
    "remove.lane",
    "sync.lane",
    "rotation.unfinished",
    "rotation.linked",
    "rotation.demanded",
    "rotation.written",
    "rotation.published",
    "rotation.made",
    "rotation.settled",
];

/// How long a step may take to be passed.
const STEP_WITHIN: Duration = Duration::from_secs(6);

impl Harm {
    /// All that can happen in a profile.
    #[must_use]
    pub fn all(cluster: bool) -> Vec<Self> {
        let mut all: Vec<Self> = PROCESSES.into_iter().map(Self::Kill).collect();
        all.extend(STEPS.into_iter().map(Self::Step));
        all.extend([Self::Clock(75), Self::Clock(3_700), Self::Clock(-3_700)]);
        all.extend([Self::DiskFull("auth"), Self::DiskFullAndKill("auth"), Self::ReadOnly("auth")]);
        if cluster {
            all.extend([
                Self::PostgresKilled,
                Self::PostgresHangs,
                Self::RedisWiped,
                Self::RedisKilled,
                Self::RedisHangs,
            ]);
        } else {
            all.extend([Self::DiskFull("session"), Self::DiskFullAndKill("session"), Self::ReadOnly("session")]);
        }
        all
    }

    /// Its name, for `TORNADO_FAULT_ONLY` and the log.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Kill(process) => format!("kill {process}"),
            Self::Step(step) => format!("step {step}"),
            Self::DiskFull(service) => format!("disk full of {service}"),
            Self::DiskFullAndKill(service) => format!("disk full and kill of {service}"),
            Self::ReadOnly(service) => format!("disk read-only of {service}"),
            Self::Clock(seconds) => format!("clock {seconds:+}"),
            Self::PostgresKilled => "postgres killed".into(),
            Self::PostgresHangs => "postgres hangs".into(),
            Self::RedisWiped => "redis wiped".into(),
            Self::RedisKilled => "redis killed".into(),
            Self::RedisHangs => "redis hangs".into(),
        }
    }

    /// Does it and undoes it. False: the step was never passed.
    ///
    /// # Errors
    /// When the harness cannot do it.
    pub fn strike(self, world: &mut FaultWorld) -> Result<bool> {
        match self {
            Self::Kill("master") => {
                if let Some(master) = world.world.server.master() {
                    master.signal(Signal::SIGKILL)?;
                }
                std::thread::sleep(Duration::from_millis(300));
                world.world.server.start_master()?;
            }
            Self::Kill(service) => kill(world, service)?,
            Self::Step(step) => return world.pass(step, STEP_WITHIN),
            Self::DiskFull(service) => {
                world.fill(service)?;
                std::thread::sleep(Duration::from_secs(3));
                world.empty(service)?;
            }
            Self::DiskFullAndKill(service) => {
                world.fill(service)?;
                std::thread::sleep(Duration::from_secs(1));
                kill(world, service)?;
                std::thread::sleep(Duration::from_secs(2));
                world.empty(service)?;
            }
            Self::ReadOnly(service) => read_only(world, service)?,
            Self::Clock(seconds) => world.shift_clock(seconds)?,
            Self::PostgresKilled => {
                let postgres = &world.cluster()?.postgres;
                postgres.kill();
                std::thread::sleep(Duration::from_secs(2));
                postgres.restart()?;
            }
            Self::PostgresHangs => {
                let postgres = &world.cluster()?.postgres;
                postgres.freeze()?;
                std::thread::sleep(Duration::from_secs(3));
                postgres.thaw()?;
            }
            Self::RedisWiped => world.cluster()?.redis.flush()?,
            Self::RedisKilled => {
                let redis = &world.cluster()?.redis;
                redis.kill();
                std::thread::sleep(Duration::from_secs(2));
                redis.restart()?;
            }
            Self::RedisHangs => {
                let redis = &world.cluster()?.redis;
                redis.freeze()?;
                std::thread::sleep(Duration::from_secs(2));
                redis.thaw()?;
            }
        }
        Ok(true)
    }
}

/// A service that just died by itself is as dead.
fn kill(world: &FaultWorld, service: &str) -> Result<()> {
    match world.world.server.kill_service(service) {
        Ok(_) | Err(tornado_e2e_harness::HarnessError::Answer { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The kernel refuses while a file is open for writing, so the service dies again and again until it is done.
fn read_only(world: &FaultWorld, service: &str) -> Result<()> {
    let dir = world.world.server.state_dir().join(service);
    let remount = |flags| mount(None::<&str>, &dir, None::<&str>, MsFlags::MS_REMOUNT | flags, None::<&str>);
    let began = Instant::now();
    loop {
        kill(world, service)?;
        match remount(MsFlags::MS_RDONLY) {
            Ok(()) => break,
            Err(nix::Error::EBUSY) if began.elapsed() < Duration::from_secs(5) => {}
            Err(error) => return Err(error.into()),
        }
    }
    std::thread::sleep(Duration::from_secs(4));
    Ok(remount(MsFlags::empty())?)
}
