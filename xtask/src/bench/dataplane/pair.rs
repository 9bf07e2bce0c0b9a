//! Two network namespaces with a veth pair between them.

use crate::shell;
use anyhow::Context as _;
use std::process::{Child, Command, Stdio};

/// Names begin so; the process id follows.
const PREFIX: &str = "tbench";

/// Of every program in the measurement, nice(1).
const PRIORITY: &str = "-15";

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Sends.
    Near,
    /// Receives.
    Far,
}

impl End {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Near, Self::Far];

    /// Last number of its addresses.
    pub const fn number(self) -> u8 {
        match self {
            Self::Near => 1,
            Self::Far => 2,
        }
    }

    /// Name of its tunnel's interface. Each has its own: `wg` finds a program by it, wherever that runs.
    pub const fn interface(self) -> &'static str {
        match self {
            Self::Near => "tbench1",
            Self::Far => "tbench2",
        }
    }

    /// Its address outside of a tunnel.
    pub fn outside(self) -> String {
        format!("198.18.0.{}", self.number())
    }

    /// Its address inside of a tunnel.
    pub fn inside(self) -> String {
        format!("198.18.1.{}", self.number())
    }
}

/// The namespaces; gone when dropped.
pub struct Pair(());

/// The namespace of an end.
fn namespace(end: End) -> String {
    format!("{PREFIX}{}-{}", std::process::id(), end.number())
}

/// Runs `ip` with these words.
pub fn ip(words: &str) -> anyhow::Result<()> {
    let words: Vec<&str> = words.split_whitespace().collect();
    shell::read(shell::command("ip", &words)).map(drop)
}

impl Pair {
    /// Makes them, after sweeping away what a dead run left.
    pub fn up() -> anyhow::Result<Self> {
        sweep()?;
        let pair = Self(());
        let [near, far] = End::BOTH.map(namespace);
        ip(&format!("netns add {near}"))?;
        ip(&format!("netns add {far}"))?;
        ip(&format!("link add veth0 netns {near} type veth peer name veth0 netns {far}"))?;
        for end in End::BOTH {
            pair.ip(end, &format!("address add {}/24 dev veth0", end.outside()))?;
            pair.ip(end, "link set lo up")?;
            pair.ip(end, "link set veth0 up")?;
        }
        Ok(pair)
    }

    /// Runs `ip` inside an end.
    pub fn ip(&self, end: End, words: &str) -> anyhow::Result<()> {
        ip(&format!("-n {} {words}", namespace(end)))
    }

    /// A program to be started inside an end, before all else that the machine does: a busy machine would measure how
    /// its scheduler shares between processes of one thread and of many.
    pub fn command(&self, end: End, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = shell::command("ip", &["netns", "exec", &namespace(end), "nice", "-n", PRIORITY]);
        command.arg(program);
        command
    }

    /// Starts it; it ends when what is returned is dropped.
    pub fn spawn(&self, mut command: Command) -> anyhow::Result<Running> {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Running(command.spawn().with_context(|| format!("cannot start {command:?}"))?))
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for end in End::BOTH {
            // Gone already is as good.
            drop(ip(&format!("netns delete {}", namespace(end))));
        }
    }
}

/// Removes namespaces of runs whose process is gone.
fn sweep() -> anyhow::Result<()> {
    let list = shell::read(shell::command("ip", &["netns", "list"]))?;
    for name in list.lines().filter_map(|line| line.split_whitespace().next()) {
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| !std::path::Path::new("/proc").join(pid).exists()) {
            ip(&format!("netns delete {name}"))?;
        }
    }
    Ok(())
}

/// A program that runs; `ip` and `nice` become it, so the process is the program itself.
pub struct Running(Child);

impl Running {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already is as good.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
