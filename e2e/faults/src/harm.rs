//! The faults that can strike a server.

use crate::world::{FaultWorld, STEP_WITHIN};
use anyhow::{Context as _, Result, ensure};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// A fault that strikes at a random moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// SIGKILL to a service, or to `master`.
    Kill(&'static str),
    /// The next process that passes this step dies there.
    Step(&'static str),
    /// The disk of a service's state directory is full for a while.
    DiskFull(&'static str),
    /// The disk is full for a while, and the service is killed during that time.
    DiskFullAndKill(&'static str),
    /// The service is killed and finds its state directory read-only for a while.
    ReadOnly(&'static str),
    /// The clock of every service jumps by this number of seconds.
    Clock(i64),
    /// PostgreSQL is killed and restarted.
    PostgresKilled,
    /// PostgreSQL does not respond for a while.
    PostgresHangs,
    /// Redis loses all data.
    RedisWiped,
    /// Redis is killed and restarted without data.
    RedisKilled,
    /// Redis does not respond for a while.
    RedisHangs,
}

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A process dies at a random moment.
    Kill,
    /// A process dies at a chosen step.
    Step,
    /// A disk is full or read-only.
    Disk,
    /// A clock jumps.
    Clock,
    /// A database fails.
    Engine,
}

/// Processes that can be killed.
const PROCESSES: [&str; 9] = ["auth", "session", "wg", "client-api", "admin", "tor", "dns", "telemetry", "master"];

/// Fault points in login, connect, disconnect and rotation.
pub(crate) const STEPS: [&str; 24] = [
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

impl Harm {
    /// All faults that are possible in a profile.
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

    /// Name for `TORNADO_FAULT_ONLY` and the log.
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

    /// The kind of the fault. A campaign should cover all kinds.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Kill(_) => Kind::Kill,
            Self::Step(_) => Kind::Step,
            Self::DiskFull(_) | Self::DiskFullAndKill(_) | Self::ReadOnly(_) => Kind::Disk,
            Self::Clock(_) => Kind::Clock,
            Self::PostgresKilled | Self::PostgresHangs | Self::RedisWiped | Self::RedisKilled | Self::RedisHangs => {
                Kind::Engine
            }
        }
    }

    /// Causes the fault and reverts it. Returns false if it did not strike, because the step was never passed or the
    /// process was not running.
    ///
    /// # Errors
    ///
    /// Fails if the harness cannot cause or revert the fault.
    pub fn strike(self, world: &mut FaultWorld) -> Result<bool> {
        match self {
            Self::Kill("master") => {
                world.world.server.master().context("the supervisor is not running")?.signal(Signal::SIGKILL)?;
                std::thread::sleep(Duration::from_millis(300));
                world.world.server.start_master()?;
            }
            Self::Kill(service) => return kill(world, service),
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

/// Kills a service. Returns false if it has just died by itself. An unknown service is an error.
fn kill(world: &FaultWorld, service: &str) -> Result<bool> {
    ensure!(PROCESSES.contains(&service), "unknown process '{service}'");
    Ok(world.world.server.kill_if_running(service)?.is_some())
}

/// The remount fails while a file is open for writing, so the service is killed repeatedly until it succeeds.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    fn sources(dir: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        let all = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
        all.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
    }

    /// The names in all calls of `fault_point`; a call may select one with `match`.
    fn fault_points(text: &str) -> Vec<String> {
        let calls = text.split("fault_point(").skip(1);
        let arguments = calls.filter_map(|rest| rest.split_once(");").map(|(argument, _)| argument));
        let names = arguments.flat_map(|argument| argument.split('"').skip(1).step_by(2));
        names.map(str::to_owned).collect()
    }

    #[test]
    fn every_step_is_a_fault_point_and_every_fault_point_a_step() {
        let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../server");
        let texts = sources(&server).into_iter().map(|path| std::fs::read_to_string(path).unwrap());
        let there: Vec<String> = texts.flat_map(|text| fault_points(&text)).collect();
        let known: BTreeSet<String> = STEPS.map(str::to_owned).into();
        assert_eq!(there.iter().cloned().collect::<BTreeSet<_>>(), known);
        assert_eq!(known.len(), STEPS.len(), "a step is listed twice");
    }

    #[test]
    fn names_are_read_from_calls() {
        let text = "use x::fault_point;\nfault_point(\"a.b\");\nfault_point(match s {\n S::C => \"c\",\n S::D(_) => \"d\",\n});\nlet no = \"e\";";
        assert_eq!(fault_points(text), ["a.b", "c", "d"]);
    }
}
