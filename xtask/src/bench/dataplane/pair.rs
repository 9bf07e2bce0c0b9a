//! Two network namespaces with a veth pair between them.

use crate::shell;
use anyhow::Context as _;
use std::process::{Child, Command, Stdio};

/// Prefix of the namespaces; the process id follows.
const PREFIX: &str = "tbench";

/// nice(1) value of every program in the measurement.
const PRIORITY: &str = "-15";

/// An end of the pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The sender.
    Near,
    /// The receiver.
    Far,
}

impl End {
    /// Both ends.
    pub const BOTH: [Self; 2] = [Self::Near, Self::Far];

    /// Last byte of its addresses.
    pub const fn number(self) -> u8 {
        match self {
            Self::Near => 1,
            Self::Far => 2,
        }
    }

    /// Name of the tunnel's interface. It is unique per end, because `wg` finds a userspace program by this name across
    /// namespaces.
    pub const fn interface(self) -> &'static str {
        match self {
            Self::Near => "tbench1",
            Self::Far => "tbench2",
        }
    }

    /// Address outside of the tunnel.
    pub fn outside(self) -> String {
        format!("198.18.0.{}", self.number())
    }

    /// Address inside of the tunnel.
    pub fn inside(self) -> String {
        format!("198.18.1.{}", self.number())
    }
}

/// Both namespaces. They are removed on drop.
pub struct Pair(());

/// Name of an end's namespace.
fn namespace(end: End) -> String {
    format!("{PREFIX}{}-{}", std::process::id(), end.number())
}

/// Runs `ip` with these arguments.
pub fn ip(words: &str) -> anyhow::Result<()> {
    let words: Vec<&str> = words.split_whitespace().collect();
    shell::read(shell::command("ip", &words)).map(drop)
}

impl Pair {
    /// Creates the namespaces after removing those of runs that were killed.
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

    /// Runs `ip` inside a namespace.
    pub fn ip(&self, end: End, words: &str) -> anyhow::Result<()> {
        ip(&format!("-n {} {words}", namespace(end)))
    }

    /// A command that runs a program inside a namespace with high priority. On a busy machine the bench would otherwise
    /// measure how the scheduler treats single-threaded and multi-threaded processes.
    pub fn command(&self, end: End, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = shell::command("ip", &["netns", "exec", &namespace(end), "nice", "-n", PRIORITY]);
        command.arg(program);
        command
    }

    /// Starts a command. The process is killed when the result is dropped.
    pub fn spawn(&self, mut command: Command) -> anyhow::Result<Running> {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Running(command.spawn().with_context(|| format!("cannot start {command:?}"))?))
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for end in End::BOTH {
            // An error means that the namespace no longer exists.
            drop(ip(&format!("netns delete {}", namespace(end))));
        }
    }
}

/// Removes namespaces of runs whose process no longer exists.
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

/// A running program. `ip` and `nice` execute it, so its pid is that of the program.
pub struct Running(Child);

impl Running {
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that the process has already ended.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
