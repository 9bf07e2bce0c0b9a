//! The process of a server: it ends with this process, and can be frozen, thawed and killed.

use crate::EngineError;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Deadline of a start.
const START: Duration = Duration::from_secs(30);

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// Starts `program` as `user`, which only root can choose. Its output goes to the file `log`.
    pub(crate) fn start(user: Option<&str>, program: &Path, words: &[String], log: &Path) -> Result<Self, EngineError> {
        let file =
            File::create(log).map_err(|source| EngineError::File { what: "create", path: log.into(), source })?;
        let failed = |source| EngineError::Process { what: format!("cannot start {}", program.display()), source };
        let mut command = as_user(user, program, &["--pdeathsig", "KILL"]);
        command.args(words).stdin(Stdio::null()).stdout(file.try_clone().map_err(failed)?).stderr(file);
        Ok(Self { child: spawn(command).map_err(failed)? })
    }

    /// Waits until `ready` returns true.
    pub(crate) fn wait(&mut self, log: &Path, mut ready: impl FnMut() -> bool) -> Result<(), EngineError> {
        let until = Instant::now() + START;
        while !ready() {
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_some() || Instant::now() > until {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                return Err(EngineError::Refused { what: format!("start of a server ({ended:?})"), said });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Sends a signal to the process and its children. PostgreSQL has a process for each connection.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), EngineError> {
        let failed =
            |errno: nix::Error| EngineError::Process { what: format!("cannot send {signal}"), source: errno.into() };
        let pid = Pid::from_raw(self.child.id().cast_signed());
        kill(pid, signal).map_err(failed)?;
        for child in children(pid) {
            // A child that has just ended needs no signal.
            let _ = kill(child, signal);
        }
        Ok(())
    }

    /// Kills all processes with SIGKILL and waits for their end.
    pub(crate) fn kill(&mut self) {
        drop(self.signal(Signal::SIGKILL));
        drop(self.child.wait());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command that runs `program` as another user if this process is root.
pub(crate) fn as_user(user: Option<&str>, program: &Path, more: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(more);
    if let Some(user) = user.filter(|_| nix::unistd::geteuid().is_root()) {
        command.args(["--reuid", user, "--regid", user, "--clear-groups"]);
    } else if more.is_empty() {
        return Command::new(program);
    }
    command.arg(program);
    command
}

/// Runs a command to completion. Returns its output if it succeeds.
pub(crate) fn run(mut command: Command, input: &str) -> Result<String, EngineError> {
    use std::io::Write as _;
    let what = format!("{command:?}");
    let failed = |source| EngineError::Process { what: what.clone(), source };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // The command may have ended already; its output then tells why.
        drop(stdin.write_all(input.as_bytes()));
    }
    let Output { status, stdout, stderr } = child.wait_with_output().map_err(failed)?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    Err(EngineError::Refused { what, said: String::from_utf8_lossy(&stderr).into_owned() })
}

/// Spawns from a thread that lives as long as the process. The parent-death signal is sent when the *thread* that
/// spawned the child ends (prctl(2), PR_SET_PDEATHSIG), and every test is a thread.
fn spawn(mut command: Command) -> std::io::Result<Child> {
    let (send, receive) = mpsc::channel();
    std::thread::Builder::new().name("engine parent".into()).spawn(move || {
        drop(send.send(command.spawn()));
        loop {
            std::thread::park();
        }
    })?;
    receive.recv().map_err(|_| std::io::Error::other("the starting thread ended"))?
}

fn children(parent: Pid) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_child = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name in brackets may contain any character; the parent is the second field after it (proc(5)).
        let parent_of = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)?.parse::<i32>().ok());
        parent_of == Some(parent.as_raw())
    };
    numbers.filter(is_child).map(Pid::from_raw).collect()
}
