//! A server's process: started so that it ends with us, frozen, woken and killed.

use crate::EngineError;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Longest wait for a server to answer.
const START: Duration = Duration::from_secs(30);

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// Starts `program` as `user` (only root can choose), its words going to `log`.
    pub(crate) fn start(user: Option<&str>, program: &Path, words: &[String], log: &Path) -> Result<Self, EngineError> {
        let file = File::create(log).map_err(|source| EngineError::File { what: "make", path: log.into(), source })?;
        let failed = |source| EngineError::Process { what: format!("cannot start {}", program.display()), source };
        let mut command = as_user(user, program, &["--pdeathsig", "KILL"]);
        command.args(words).stdin(Stdio::null()).stdout(file.try_clone().map_err(failed)?).stderr(file);
        Ok(Self { child: spawn(command).map_err(failed)? })
    }

    /// Waits until `ready` says so.
    pub(crate) fn wait(&mut self, log: &Path, mut ready: impl FnMut() -> bool) -> Result<(), EngineError> {
        let until = Instant::now() + START;
        while !ready() {
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_some() || Instant::now() > until {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                return Err(EngineError::Refused { what: format!("starting a server ({ended:?})"), said });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Sends a signal to the process and to its children: PostgreSQL has one a connection.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), EngineError> {
        let failed =
            |errno: nix::Error| EngineError::Process { what: format!("cannot send {signal}"), source: errno.into() };
        let pid = Pid::from_raw(self.child.id().cast_signed());
        kill(pid, signal).map_err(failed)?;
        for child in children(pid) {
            // One that has just ended needs no signal.
            let _ = kill(child, signal);
        }
        Ok(())
    }

    /// `kill -9` of everything, and waits for the end.
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

/// `program` as another user, when we are root.
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

/// Runs a command to its end; its output when it ends well.
pub(crate) fn run(mut command: Command, input: &str) -> Result<String, EngineError> {
    use std::io::Write as _;
    let what = format!("{command:?}");
    let failed = |source| EngineError::Process { what: what.clone(), source };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // It may have ended already; its own words say why.
        drop(stdin.write_all(input.as_bytes()));
    }
    let Output { status, stdout, stderr } = child.wait_with_output().map_err(failed)?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    Err(EngineError::Refused { what, said: String::from_utf8_lossy(&stderr).into_owned() })
}

/// Spawns from a thread that lives as long as the process: the signal at the parent's death is sent when the
/// *thread* ends that spawned (prctl(2), PR_SET_PDEATHSIG), and every test is a thread.
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
        // The name in parentheses may hold anything; the parent is the second field after it (proc(5)).
        let parent_of = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)?.parse::<i32>().ok());
        parent_of == Some(parent.as_raw())
    };
    numbers.filter(is_child).map(Pid::from_raw).collect()
}
